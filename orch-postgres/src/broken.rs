//! Mistakes that the chaos run has to find, one cargo feature each; `scripts/chaos-broken` proves
//! that it does. For that proof only: no build that anybody relies on has one of these features.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
#[cfg(feature = "broken-clock")]
use std::time::Duration;

#[cfg(feature = "broken-clock")]
use orch_core::store::{Clock, SystemClock};

#[cfg(feature = "broken-clock")]
use crate::time::At;

/// A statement, what stands in it, and what stands there in a build with the mistake.
type Mistake = (&'static str, &'static str, &'static str);

const ACCEPT: &str = include_str!("../queries/accept.sql");
const CLAIM: &str = include_str!("../queries/claim.sql");
const LOG: &str = include_str!("../queries/log.sql");
const RENEW: &str = include_str!("../queries/renew.sql");
const SETTLE: &str = include_str!("../queries/settle.sql");
const UNFINALIZED: &str = include_str!("../queries/unfinalized.sql");

const GUARD: &str = "AND q.fence = e.fence AND q.worker IS NOT NULL";

/// Whoever has an outcome writes it.
const LOG_FENCE: [Mistake; 3] = [
    (SETTLE, GUARD, ""),
    (LOG, GUARD, ""),
    (
        LOG,
        "SELECT e.*,",
        "SELECT e.op_id, q.fence, e.source, e.outcome, e.detail, e.output, e.after_ms, e.delay_ms,",
    ),
];
/// Whoever had a lease once renews it for whoever has it now.
const RENEW_FENCE: [Mistake; 1] = [(RENEW, "AND q.fence = l.fence", "")];
/// A claim looks like the one before.
const CLAIM_FENCE: [Mistake; 1] = [(CLAIM, "fence = q.fence + 1,", "fence = q.fence,")];
/// What is logged and not finalized is run once more.
const FINALIZER: [Mistake; 1] = [(
    UNFINALIZED,
    "AND (NOT q.hooked OR q.kind = ANY($2::text[]))",
    "AND (NOT q.hooked OR q.kind = ANY($2::text[])) AND orch_broken_run_again(l.op_id, l.fence)",
)];
/// Every accept makes an operation.
const IDENTITY: [Mistake; 2] = [
    (
        "",
        "CREATE UNIQUE INDEX orch_operation_identity_idx",
        "CREATE INDEX orch_operation_identity_idx",
    ),
    (ACCEPT, "ON CONFLICT (biz_key, idem_key, event_type, domain, owner, redrive)", "ON CONFLICT"),
];

/// True where the operation was not put back into the queue; so never.
const RUN_AGAIN: &str = "
CREATE FUNCTION orch_broken_run_again(uuid, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
    UPDATE orch_write_ahead_log SET state = 'COMPLETED', finalize_due_at = NULL
    WHERE op_id = $1 AND fence = $2 AND NOT late AND state = 'PENDING';
    UPDATE orch_queue SET phase = 'waiting', due_at = clock_timestamp()
    WHERE op_id = $1 AND fence = $2 AND worker IS NULL;
    RETURN false; END $$;";

/// The statement with the mistakes of this build.
pub(crate) fn statement(sql: &'static str) -> &'static str {
    static BROKEN: Mutex<Option<HashMap<&'static str, &'static str>>> = Mutex::new(None);
    let mut broken = BROKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let broken = broken.get_or_insert_default();
    broken.entry(sql).or_insert_with(|| String::leak(with_mistakes(sql, sql.to_owned())))
}

/// A script with the mistakes of this build.
pub(crate) fn script(sql: String) -> String {
    let sql = with_mistakes("", sql);
    let schema = cfg!(feature = "broken-finalizer") && sql.contains("CREATE TABLE orch_queue");
    if schema { sql + RUN_AGAIN } else { sql }
}

fn with_mistakes(name: &str, mut sql: String) -> String {
    let all: [(bool, &[Mistake]); 5] = [
        (cfg!(feature = "broken-log-fence"), &LOG_FENCE),
        (cfg!(feature = "broken-renew-fence"), &RENEW_FENCE),
        (cfg!(feature = "broken-claim-fence"), &CLAIM_FENCE),
        (cfg!(feature = "broken-finalizer"), &FINALIZER),
        (cfg!(feature = "broken-identity"), &IDENTITY),
    ];
    let made = all.into_iter().filter(|(made, _)| *made).flat_map(|(_, mistakes)| mistakes);
    for (_, right, wrong) in made.filter(|(statement, ..)| *statement == name) {
        // A mistake that no longer fits the statement would prove nothing.
        assert!(name.is_empty() || sql.contains(right), "{right} is not in: {sql}");
        sql = sql.replace(right, wrong);
    }
    sql
}

/// The clock of this worker's host, which is up to some seconds before its neighbours'.
#[cfg(feature = "broken-clock")]
pub(crate) fn clock() -> At {
    const STEP: Duration = Duration::from_millis(1_500);
    At(SystemClock.now().plus(STEP * (std::process::id() % 4)))
}
