//! What providers promise about idempotency keys, as types.
//!
//! A [`Provider`] is a contract: what a repeated call does, how long a key is remembered, what a key
//! looks like and where it goes, what the provider's own answers mean. `#[orchestrated(provider =
//! Stripe)]` binds a handler to one; from then on the compiler refuses what the contract does not
//! carry, and the key is made to fit it.

mod contract; // what a provider promises

mod alphabet; // which characters it may have
mod form; // what it looks like
mod place; // where the key goes
mod published; // where all that stands
mod repeat; // what a repeated call does
mod word; // what the provider's answers mean

mod general; // the two for everything else

mod terms; // a contract as values

pub mod catalogue; // those whose promises are published

mod key; // the key itself
mod message_id; // the key as the id of a mail

mod reference; // what names a call there

mod carried; // whether a handler may rely on it

mod rules; // whether a contract contradicts itself

mod message; // texts of compile errors

pub use alphabet::KeyAlphabet;
pub(crate) use carried::Times;
pub use contract::{KeyLifetime, Provider};
pub use form::KeyForm;
pub use general::{AnyProvider, Unkeyed};
pub use key::ProviderKey;
pub(crate) use message::Message;
pub use message_id::{InvalidDomain, message_id};
pub use place::KeyPlace;
pub use published::Published;
pub use repeat::{Keeps, Repeat};
pub(crate) use rules::Rules;
pub use terms::Terms;
pub use word::Word;
