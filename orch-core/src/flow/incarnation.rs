use crate::words::Incarnation;

/// Says in the log that an operator has to confirm what has happened to the database.
pub fn report_unconfirmed(incarnation: &Incarnation) {
    let Incarnation { number, opened_at, confirmed, difference, .. } = incarnation;
    if !confirmed {
        tracing::error!(number, %opened_at, difference,
            "the database is not the one that it was, so calls may have been made that it does not \
             know of; no handler with an unsafe effect is called until an operator confirms what has \
             happened, with Orchestrator::confirm");
    }
}
