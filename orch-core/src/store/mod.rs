//! The store: what orch asks of a database, and the clock of stores without their own.
//!
//! [`Store`] is one trait with a verb per method; its parameters and answers are in `params`.
//! Memory, SQLite and Postgres implement it. A [`Backend`] is a store that is chosen by the
//! scheme of a URL, with [`open`]. [`Clock`] is the host's clock, for stores without their own;
//! tests move it. [`FinalizeHook`] is a user's function that a store runs inside its finalizing
//! transaction.

mod verbs; // the trait, and its errors

mod params; // what goes into the verbs, and what comes out

mod hook; // what runs inside the finalizing transaction

mod states; // the values that users' functions take

mod clock; // the host's clock, and one that a test moves

pub mod monotonic; // the process's own time, for spans that never leave it

mod put_off; // what a database refuses to move

mod pieces; // how that is found among others

mod lock; // what its threads share

mod backend; // a URL becomes a store

pub mod codec; // how values are spelled in columns

pub mod columns; // how rows of a SQL database are read

pub use crate::machine::{Finalized, Purpose, ReleaseReason, Resolution};
pub use backend::{Backend, OpenError, Opening, look, open};
pub use clock::{Clock, ManualClock, SystemClock};
pub use hook::{
    ConnectionType, FinalizeHook, HookContext, HookError, HookFn, Hooked, RunHook, SQLX,
    connection, panic_text, refuse_inside_hook,
};
pub use lock::lock;
pub use params::{
    ANSWER_RETENTION, Acceptance, Admitted, AnswerParams, Claim, ClaimParams, Claimed,
    ClaimedOperation, ConfirmParams, Confirmed, Cursor, EndedAttempt, Finalization, KeptAnswer,
    LateParams, ListParams, Listed, Logged, MAX_ANSWERS, MAX_UNMATCHED, Page, Place, Purged,
    RecordParams, RecordedAnswer, RedriveParams, Redriven, Release, Released, RenewParams, Renewed,
    ResolveParams, Resolved, SweepParams, Swept, Unfinalized, Unfinished, UnfinishedOperation,
    UnfinishedParams, Unmatched, UnmatchedParams, Unpurged,
};
pub use pieces::{Limits, Pieces};
pub use put_off::PutOff;
pub use states::{StateNeed, States};
pub use verbs::{AcceptIn, Store, StoreError};
