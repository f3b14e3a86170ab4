use super::{Watch, divergence};
use crate::store::{Finalized, Store, Swept};
use crate::words::Kind;

/// What a provider's messages have come to: logged, counted, and told to who waits.
pub async fn announce_told(
    store: &dyn Store,
    watch: &Watch,
    applied: &[Swept],
    count: impl Fn(&Kind, &Finalized),
) {
    for Swept { op_id, kind, to } in applied {
        let now = to.as_ref().map(tracing::field::display);
        match to {
            Some(Finalized::Refused { reason }) => {
                tracing::error!(%op_id, %kind, reason,
                    "the database refuses to move an operation that a provider has told of; it is put off");
            }
            _ => tracing::info!(%op_id, %kind, to = now, "a provider has told of the operation"),
        }
        watch.moved(*op_id);
        if let Some(to) = to {
            count(kind, to);
        }
    }
    divergence::after_messages(store, applied).await;
}
