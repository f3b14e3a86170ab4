//! The words: one type for each noun of the field, valid by construction.
//!
//! Nothing here does I/O or reads a clock. A value of one of these types has passed its rule,
//! so the layers above never check again. The rules and their limits stand on the types.

mod command;
mod id;
mod invalid;
mod key;
mod kind;
mod log_entry;
mod operation;
mod outcome;
mod payload;
mod spelling;
mod status;
mod text;
mod timestamp;

pub use command::{Command, Envelope, Identity};
pub use id::{Fence, OpId, WorkerId};
pub use invalid::Invalid;
pub use key::{BizKey, IdemKey, Owner};
pub use kind::{Domain, EventType, Kind};
pub use log_entry::{LogEntry, LogStatus, Source};
pub use operation::{DeadLetter, Operation};
pub use outcome::{AttemptEnd, Failure, FinalOutcome, Outcome, Waited, code};
pub use payload::{DEFAULT_PAYLOAD_LIMIT, Fingerprint, Payload, Undecodable};
pub(crate) use spelling::spelled;
pub use status::{IllegalTransition, Phase, Status};
pub(crate) use text::one_line;
pub use text::{TEXT_LIMIT, storable};
pub use timestamp::Timestamp;
