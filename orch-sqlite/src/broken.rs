//! Mistakes that the chaos run has to find, one cargo feature each; `scripts/chaos-broken` proves
//! that it does. For that proof only: no build that anybody relies on has one of these features.
//! What is decided in Rust has its mistake where it is decided.

use crate::{lease, migrate, sweep};

/// A statement, what stands in it, and what stands there in a build with the mistake.
type Mistake = (&'static str, &'static str, &'static str);

/// Whoever had a lease once renews it for whoever has it now.
const RENEW_FENCE: Mistake = (lease::RENEW, "AND orch_operation.fence = v.value ->> 1", "");
/// Every accept makes an operation.
const IDENTITY: Mistake = (
    migrate::MIGRATIONS[0],
    "CREATE UNIQUE INDEX orch_operation_identity_idx",
    "CREATE INDEX orch_operation_identity_idx",
);
/// A lease is taken back 1.7 s before its end.
const SWEEP: Mistake =
    (sweep::EXPIRED, "lease_expires_at <= ?1", "lease_expires_at <= ?1 + 1700000");

/// The statement with the mistakes of this build.
pub(crate) fn statement(sql: &'static str) -> &'static str {
    let all = [
        (cfg!(feature = "broken-renew-fence"), RENEW_FENCE),
        (cfg!(feature = "broken-identity"), IDENTITY),
        (cfg!(feature = "broken-sweep"), SWEEP),
    ];
    let made = all.into_iter().filter(|(made, _)| *made).map(|(_, mistake)| mistake);
    let Some((_, right, wrong)) = made.into_iter().find(|(of, ..)| *of == sql) else { return sql };
    // A mistake that no longer fits the statement would prove nothing.
    assert!(sql.contains(right), "{right} is not in: {sql}");
    String::leak(sql.replace(right, wrong))
}
