use super::{Handlers, Watch, divergence};
use crate::store::{AnswerParams, Finalized, MAX_ANSWERS, Store, Swept};
use crate::words::{Kind, Reference};

/// Applies what the provider has told about a reference before it was known here. If that fails, the Reaper
/// does it.
pub(super) async fn apply(store: &dyn Store, watch: &Watch, handlers: &Handlers, of: Reference) {
    let params =
        AnswerParams { of: Some(of), hooked_kinds: handlers.hooked_kinds(), limit: MAX_ANSWERS };
    match store.answer(params).await {
        Ok(applied) => {
            announce_told(store, watch, &applied, |kind, to| handlers.meters(kind).moved(to)).await;
        }
        Err(error) => tracing::warn!(error = ?error,
            "what a provider has told of an operation cannot be applied yet; it is tried again"),
    }
}

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
