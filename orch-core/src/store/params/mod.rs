//! What goes into the verbs of the [`Store`](super::Store), and what comes out.

mod accept; // S1
mod claim; // S2
mod lease; // the guard of every write after a claim; renew, release
mod settle; // S3: log, finalize, settle

mod incarnation; // the database's incarnation
mod operator; // what operators decide: resolve, redrive

mod answer; // what providers tell later
mod read; // list, late, unfinished
mod upkeep; // what upkeep asks for: sweeps, unfinalized, purge

pub use accept::{Acceptance, Admitted, Place};
pub use answer::{
    ANSWER_RETENTION, AnswerParams, KeptAnswer, MAX_ANSWERS, MAX_UNMATCHED, RecordParams,
    RecordedAnswer, Unmatched, UnmatchedParams,
};
pub use claim::{ClaimParams, Claimed, ClaimedOperation};
pub use incarnation::{ConfirmParams, Confirmed};
pub use lease::{Claim, Release, Released, RenewParams, Renewed};
pub use operator::{RedriveParams, Redriven, ResolveParams, Resolved};
pub use read::{
    Cursor, LateParams, ListParams, Listed, Page, Unfinished, UnfinishedOperation, UnfinishedParams,
};
pub use settle::{EndedAttempt, Finalization, Logged};
pub use upkeep::{Purged, SweepParams, Swept, Unfinalized, Unpurged};
