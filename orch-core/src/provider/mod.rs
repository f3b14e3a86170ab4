//! What providers promise about idempotency keys, as types.
//!
//! A [`Provider`] is a contract: how long a key is remembered, what a key may look like, what a
//! repeated call gets. `#[orchestrated(provider = Stripe)]` binds a handler to one; from then on
//! the compiler refuses what the contract does not carry, and the key is made to fit it.

mod contract; // what a provider promises

mod documented; // those whose promises are published

mod alphabet; // which characters a key may have

mod key; // the key itself

mod carried; // whether a key is carried to the call

mod rules; // what follows for effect and doubt

mod message; // texts of compile errors

pub use alphabet::KeyAlphabet;
pub(crate) use carried::Times;
pub use contract::{KeyLifetime, Provider};
pub use documented::{AnyProvider, CheckoutCom, Qonto, Square, Stripe, Unkeyed};
pub use key::ProviderKey;
pub(crate) use message::Message;
pub(crate) use rules::Rules;
