//! Finalize hooks: a user's function inside the writer's transaction.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use orch_core::store::{Claim, FinalizeHook, StoreError, lock};
use orch_core::words::{Envelope, FinalOutcome, storable};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use crate::connect::store_error;

/// The longest that a finalize hook may take: it holds up every write to the file. After that
/// it counts as failed.
pub const HOOK_LIMIT: Duration = Duration::from_secs(5);
/// So many hooks of one group are given up; those that have not run by then are put off. A bound
/// on how long hooks that all hang, as those of one kind do, hold up every other write.
const GIVEN_UP_AT_MOST: usize = 2;

/// What the writer knows of hooks while it runs a group.
#[derive(Default)]
pub(crate) struct Hooks {
    /// Stops a statement that is still running when its hook is given up.
    pub(crate) interrupt: Arc<AtomicBool>,
    /// Hooks that were given up in an earlier try of this group, with the reason.
    pub(crate) given_up: HashMap<Claim, String>,
    /// Hooks of this group that came to an end by themselves.
    ended: Mutex<HashSet<Claim>>,
}

/// What became of a hook.
pub(crate) enum Ran {
    /// Its statements are part of the transaction.
    Done,
    /// Its own statements are rolled back.
    Failed(String),
    /// It was not run, since others held up the database: that is no failure of its own.
    PutOff,
}

/// Why a group cannot be committed.
pub(crate) enum Trouble {
    /// The database said so.
    Store(StoreError),
    /// A hook left the connection in an unknown state.
    Hook {
        /// Whose hook.
        claim: Claim,
        /// What it did.
        reason: String,
    },
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Hooks {
    /// Runs a hook in its own savepoint. Where it fails, its statements are rolled back, and the
    /// transaction goes on without them.
    ///
    /// # Errors
    /// [`Trouble::Hook`] if the hook left the connection in an unknown state: it overran, or
    /// ended the transaction itself. Nothing of this group may be committed then.
    pub(crate) async fn run(
        &self,
        connection: &mut SqliteConnection,
        hook: &FinalizeHook,
        claim: Claim,
        outcome: &FinalOutcome,
        of: &Envelope,
    ) -> Result<Ran, Trouble> {
        if let Some(reason) = self.given_up.get(&claim) {
            return Ok(Ran::Failed(reason.clone()));
        }
        if self.given_up.len() >= GIVEN_UP_AT_MOST && !self.has_ended(claim) {
            return Ok(Ran::PutOff);
        }
        let mut savepoint = connection.begin().await.map_err(store_error)?;
        // The one place where database calls run under a timeout: when it strikes, the whole
        // connection is thrown away, so nothing half-done can leak.
        let Some(ran) = hook.run_within(HOOK_LIMIT, &mut *savepoint, outcome, of).await else {
            self.interrupt.store(true, Ordering::SeqCst);
            let reason = format!("finalize hook took longer than {HOOK_LIMIT:?}");
            return Err(Trouble::Hook { claim, reason });
        };
        let left = match ran {
            Ok(()) => savepoint.commit().await,
            Err(_) => savepoint.rollback().await,
        };
        if let Err(error) = left {
            let reason = format!("finalize hook ended orch's transaction itself: {error}");
            return Err(Trouble::Hook { claim, reason: storable(&reason) });
        }
        lock(&self.ended).insert(claim);
        Ok(ran.map_or_else(Ran::Failed, |()| Ran::Done))
    }

    /// True if this hook has come to an end by itself in this group.
    pub(crate) fn has_ended(&self, claim: Claim) -> bool {
        lock(&self.ended).contains(&claim)
    }

    /// Forgets the last group.
    pub(crate) fn next_group(&mut self) {
        self.given_up.clear();
        lock(&self.ended).clear();
    }
}
