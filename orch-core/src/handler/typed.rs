use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::policies::DEFAULT_TIME_BUDGET;
use crate::store::panic_text;
use crate::words::{
    CannotRead, Envelope, IdentityForm, Invalid, Meaning, Operation, Payload, Reading, Undecodable,
    storable,
};

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
    /// Writes the value, and reads it back once.
    ///
    /// # Errors
    /// [`Invalid::NotEncodable`] if the value has no JSON form, [`Invalid::NotReadBack`] if that is
    /// not the value any more.
    fn to_payload(&self) -> Result<Payload, Invalid>;

    /// As much of the value as has a JSON form, for an operator.
    fn to_payload_in_part(&self) -> Payload;

    /// Reads a value back. What the type does not know of it is passed over.
    ///
    /// # Errors
    /// [`Undecodable`] if the bytes are not the JSON of this type.
    fn from_payload(payload: &Payload) -> Result<Self, Undecodable>;

    /// Reads a value back, all of it.
    ///
    /// # Errors
    /// [`Undecodable`] if the bytes are not the JSON of this type, or say more than it knows.
    fn from_whole_payload(payload: &Payload) -> Result<Self, Undecodable>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Storable for T {
    fn to_payload(&self) -> Result<Payload, Invalid> {
        Payload::json_checked(self)
    }

    fn to_payload_in_part(&self) -> Payload {
        Payload::json_in_part(self)
    }

    fn from_payload(payload: &Payload) -> Result<Self, Undecodable> {
        payload.decode()
    }

    fn from_whole_payload(payload: &Payload) -> Result<Self, Undecodable> {
        payload.decode_whole()
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
    /// The top-level fields in which a repeated request may differ.
    const IDEM_IGNORE: &'static [&'static str];

    /// The top-level fields whose order means nothing.
    const SETS: &'static [&'static str] = &[];

    /// Whether an operation of this command is to be the only one for its biz key, those that have FAILED
    /// apart: the option `unique`.
    const UNIQUE: bool = false;

    /// The form in which its identity is made: the option `identity`, and what the keys are made from. `None`
    /// is not compared with what other releases do.
    const FORM: Option<IdentityForm> = None;

    /// The version of its form: what it stores carries it from version 2 on.
    const VERSION: u32 = 1;

    /// Whether the command carries its idempotency key: [`KeyInCommand`] or [`KeyFromCaller`].
    type Key;

    /// The entity acted on, from the template of `biz_key`.
    fn biz_key(&self) -> String;

    /// The idempotency key, where a field is marked as such.
    fn idem_key(&self) -> Option<String>;

    /// The biz keys that earlier forms of the identity gave it: an operation that is there under one of
    /// them is the same request.
    fn earlier_biz_keys(&self) -> Vec<String> {
        Vec::new()
    }

    /// Writes the command as it is stored: with its version, if that is not 1.
    ///
    /// # Errors
    /// As [`Storable::to_payload`]; [`Invalid::NotEncodable`] as well for a field `$version`.
    fn to_stored(&self) -> Result<Payload, Invalid> {
        self.to_payload()?.with_version(Self::VERSION)
    }

    /// Reads a stored command, all of it: of this version, or of an earlier one, which goes through
    /// its upgrades.
    ///
    /// # Errors
    /// [`CannotRead`], for one of a later version too.
    fn from_stored(stored: &Payload) -> Result<Self, CannotRead> {
        Self::read(stored, Reading::Whole)
    }

    /// [`TypedCommand::from_stored`], as exact as is asked for.
    #[doc(hidden)]
    fn read(stored: &Payload, reading: Reading) -> Result<Self, CannotRead> {
        let (version, body) = stored.version()?;
        match version.cmp(&Self::VERSION.into()) {
            Ordering::Less => Self::upgraded(stored, reading),
            Ordering::Equal => read_own(&body, reading),
            Ordering::Greater => Err(CannotRead::Newer { found: version, known: Self::VERSION }),
        }
    }

    /// Reads a command that is stored in an earlier version.
    #[doc(hidden)]
    fn upgraded(stored: &Payload, reading: Reading) -> Result<Self, CannotRead> {
        let _ = reading;
        let (found, _) = stored.version()?;
        Err(CannotRead::NoUpgrade { found, known: Self::VERSION })
    }

    /// What a repeated request must say again.
    #[must_use]
    fn meaning() -> Meaning {
        let rewrite = |stored: &Payload| {
            caught(|| {
                let not_kept = |e: Invalid| CannotRead::NotKept { reason: e.to_string() };
                Self::read(stored, Reading::Kept)?.to_stored().map_err(not_kept)
            })
        };
        Meaning { ignored: Self::IDEM_IGNORE, sets: Self::SETS, rewrite }
    }
}

/// A command of this type's own version.
fn read_own<C: TypedCommand>(body: &Payload, reading: Reading) -> Result<C, CannotRead> {
    let command = C::from_whole_payload(body)?;
    if reading == Reading::Kept {
        let written = command.to_payload();
        let written = written.map_err(|e| CannotRead::NotKept { reason: e.to_string() })?;
        C::meaning().check_kept(body, &written)?;
    }
    Ok(command)
}

/// Runs what calls decoders and upgrades; a panic in them is no panic of the caller's.
pub(crate) fn caught<T>(read: impl FnOnce() -> Result<T, CannotRead>) -> Result<T, CannotRead> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|panic| Err(CannotRead::Panics { reason: storable(panic_text(&*panic)) }))
}

impl Envelope {
    /// The command as its type, also if an earlier version has stored it.
    ///
    /// # Errors
    /// [`CannotRead`].
    pub fn command_as<C: TypedCommand>(&self) -> Result<C, CannotRead> {
        C::from_stored(self.command.payload())
    }
}

impl Operation {
    /// The command as its type, also if an earlier version has stored it.
    ///
    /// # Errors
    /// [`CannotRead`].
    pub fn command_as<C: TypedCommand>(&self) -> Result<C, CannotRead> {
        C::from_stored(&self.payload)
    }
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
    /// How long an operation may take from accept to its end, where the caller that accepts it says
    /// nothing: the option `time_budget`. 1 ms to a year.
    const TIME_BUDGET: Duration = DEFAULT_TIME_BUDGET;
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
