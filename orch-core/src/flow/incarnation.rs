use crate::words::Incarnation;

/// Says in the log that an operator has to confirm what has happened to the database.
pub fn report_unconfirmed(incarnation: &Incarnation) {
    let Incarnation { number, opened_at, confirmed, difference, .. } = incarnation;
    if !confirmed {
        tracing::error!(number, %opened_at, difference,
            "the database has changed (failed over, restored or copied): calls may be missing from \
             it; handlers with effect = unsafe, or in_doubt = park or fail, do not run until an \
             operator confirms what has happened, with Orchestrator::confirm");
    }
}
