//! What providers promise about idempotency keys, as types.
//!
//! A [`Provider`] is a contract: how long a key is remembered, what a key may look like, what a
//! repeated call gets. `#[orchestrated(provider = Stripe)]` binds a handler to one; from then on
//! the compiler refuses what the contract does not carry, and the key is made to fit it.

mod alphabet;
mod carried;
mod contract;
mod documented;
mod key;
mod message;
mod rules;

pub use alphabet::KeyAlphabet;
pub use contract::{KeyLifetime, Provider};
pub use documented::{AnyProvider, CheckoutCom, Qonto, Square, Stripe, Unkeyed};
pub use key::ProviderKey;
pub(crate) use message::Message;
pub(crate) use rules::Rules;
