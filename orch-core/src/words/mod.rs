//! The words: one type for each noun of the field, valid by construction.
//!
//! Nothing here does I/O or reads a clock. A value of one of these types has passed its rule,
//! so the layers above never check again. The rules and their limits stand on the types.

mod kind; // which operation: domain and event type

mod key; // whose, and for what

mod payload; // the body

mod digest; // of a value, to see whether it is read back as it was

mod canonical; // what a JSON text says, however it is written

mod version; // of a command's form

mod form; // in which an identity is made

mod fingerprint; // what a repetition must match

mod command; // all of it together

mod id; // the operation, its fence, its worker

mod seed; // what its provider keys are derived from

mod reference; // what names its call at the provider

mod status; // where it is

mod operation; // all that readers see

mod outcome; // how attempts and operations end

mod log_entry; // what is kept of an end

mod timestamp; // instants

mod incarnation; // the database's incarnation

mod invalid; // what breaks the rule of a word

mod text; // texts that every store can keep

mod spelling; // words with one spelling

pub(crate) use canonical::canonical;
pub use command::{Command, Envelope, IDENTITY_LIMIT, Identity};
pub use fingerprint::{Comparison, Fingerprint, Meaning};
pub use form::{IdentityForm, OtherForm, Standing, StoredForm};
pub use id::{ClaimId, Fence, OpId, WorkerId};
pub use incarnation::{Confirmation, Incarnation};
pub use invalid::Invalid;
pub use key::{BizKey, IdemKey, Owner};
pub use kind::{Domain, EventType, Kind};
pub use log_entry::{LogEntry, LogStatus, Source};
pub use operation::{DeadLetter, Operation};
pub use outcome::{AttemptEnd, Failure, FinalOutcome, Outcome, Waited, code};
pub use payload::{DEFAULT_PAYLOAD_LIMIT, Payload, Undecodable};
pub use reference::Reference;
pub use seed::{KeyNamespace, KeySeed, KeySource};
pub(crate) use spelling::spelled;
pub use status::{IllegalTransition, Phase, Status};
pub(crate) use text::one_line;
pub use text::{TEXT_LIMIT, storable};
pub use timestamp::Timestamp;
pub use version::{CannotRead, Reading, VERSION_KEY};
