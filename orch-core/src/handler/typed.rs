use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::words::{Fingerprint, Invalid, Payload, Undecodable};

/// What orch can keep: it is written as JSON and read back, perhaps by another process. Every
/// type with both serde traits is.
///
/// The serde traits are no supertraits: rustc would report each of them by itself, in serde's
/// words, where a user has left out one derive.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored: it is not both `Serialize` and `Deserialize`",
    label = "orch cannot write this as JSON and read it back",
    note = "commands and results are stored, and read back by another process perhaps, so both serde traits are needed",
    note = "add `#[derive(serde::Serialize, serde::Deserialize)]` to `{Self}`, with fields that own their data"
)]
pub trait Storable: Sized {
    /// Writes the value, and the fingerprint that leaves out the named top-level fields.
    ///
    /// # Errors
    /// [`Invalid::NotEncodable`] if the value has no JSON form.
    fn to_payload(&self, ignored: &[&str]) -> Result<(Payload, Fingerprint), Invalid>;

    /// Reads a value back.
    ///
    /// # Errors
    /// [`Undecodable`] if the bytes are not the JSON of this type.
    fn from_payload(payload: &Payload) -> Result<Self, Undecodable>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Storable for T {
    fn to_payload(&self, ignored: &[&str]) -> Result<(Payload, Fingerprint), Invalid> {
        Payload::json_without(self, ignored)
    }

    fn from_payload(payload: &Payload) -> Result<Self, Undecodable> {
        payload.decode()
    }
}

/// A command as the user's own type: what `#[derive(Command)]` implements.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a command",
    label = "this type does not derive `Command`",
    note = "orch stores the command and runs it later, so it must know its keys and how to encode it",
    note = "add `#[derive(serde::Serialize, serde::Deserialize, orch::Command)]` and `#[command(biz_key = \"…\")]` to `{Self}`"
)]
pub trait TypedCommand: Storable + Send + 'static {
    /// The top-level fields that the fingerprint leaves out.
    const IDEM_IGNORE: &'static [&'static str];

    /// Whether the command carries its idempotency key: [`KeyInCommand`] or [`KeyFromCaller`].
    type Key;

    /// The entity acted on, from the template of `biz_key`.
    fn biz_key(&self) -> String;

    /// The idempotency key, where a field is marked as such.
    fn idem_key(&self) -> Option<String>;
}

/// A command that a handler takes: the binding of a type to domain, event type and result.
/// `#[orchestrated]` implements it, or `#[derive(Command)]` with `domain`, `event` and `output`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not bound to a handler",
    label = "no handler takes this command",
    note = "an operation without a handler would wait until its time budget ends",
    note = "write `#[orchestrated(domain = \"…\", event = \"…\")] async fn name(cmd: {Self}, ctx: Context) -> Result<…>`, or, if the handler lives in another crate, add `domain`, `event` and `output` to `#[command(…)]` on `{Self}`"
)]
pub trait HandledCommand: TypedCommand {
    /// The domain.
    const DOMAIN: &'static str;
    /// The event type.
    const EVENT: &'static str;
    /// What the handler returns when all goes well.
    type Output: Storable + Send + 'static;
}

/// The command carries its idempotency key in a field.
#[derive(Debug, Clone, Copy)]
pub struct KeyInCommand;

/// The caller has yet to give the idempotency key.
#[derive(Debug, Clone, Copy)]
pub struct KeyFromCaller;

/// Says that an idempotency key is at hand.
#[diagnostic::on_unimplemented(
    message = "this command has no idempotency key",
    label = "accepted without a key",
    note = "the key is what makes a repeated request the same request; without one a retry of the client could act twice",
    note = "call `.idem_key(…)?` before `.await`, or mark a field of the command with `#[command(idem_key)]`"
)]
pub trait KeyGiven {}

impl KeyGiven for KeyInCommand {}
