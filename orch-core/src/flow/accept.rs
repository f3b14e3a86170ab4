use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::forms::{Forms, next_form};
use super::{Batcher, Patience};
use crate::metrics::{Became, Meters, MetersByKind};
use crate::policies::{MAX_TIME_BUDGET, MIN_TIME_BUDGET};
use crate::store::{Acceptance, Admitted, Store, StoreError};
use crate::words::{CannotRead, Comparison, Invalid, Meaning, OpId, OtherForm, Payload};

/// S1: checks a command, gathers it with others, stores it.
pub struct Acceptor {
    forms: Forms,
    /// Shared, since a command is kept here until the form of its identity is known to be stored.
    batcher: Batcher<Arc<Acceptance>, Admitted>,
    payload_limit: usize,
    meters: MetersByKind,
}

/// Whether an accept made the operation or found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Disposition {
    /// It is new.
    Created,
    /// The same request was accepted before; this is its operation.
    Replayed,
}

/// Why a command was not accepted. Nothing is stored, except after [`AcceptError::Store`], when
/// it is unknown, unless it says otherwise: accept the same command again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// A word breaks its rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The idempotency key was used for another body.
    #[error(
        "the idempotency key was used before, for a request that differs in {}; \
         send the same body, or a new key",
        in_fields(fields)
    )]
    Conflict {
        /// The operation of the first request.
        op_id: OpId,
        /// The top-level fields that differ; empty if a body is no JSON object.
        fields: Vec<String>,
    },
    /// The command is to be the only one for its biz key (`unique = "biz_key"`), and another operation is
    /// there that has not failed.
    #[error(
        "operation {op_id} is there for this biz key under another idempotency key and has not failed; \
         nothing was accepted: ask what became of that operation"
    )]
    Taken {
        /// The operation that is there.
        op_id: OpId,
    },
    /// The operation is there, and was accepted by another version of this command, which this
    /// process cannot compare with what it was given: it may be the same request or another one.
    #[error(
        "the idempotency key was used before, by another version of this command that this process \
         cannot compare with: the payload of operation {op_id} {why}; nothing new was accepted; \
         send the request to a process of that version, or again after the deploy"
    )]
    OtherVersion {
        /// The operation of the first request.
        op_id: OpId,
        /// Why its payload cannot be read in full.
        #[source]
        why: CannotRead,
    },
    /// This program makes the identity of this kind otherwise than the operations that are stored.
    #[error("nothing was accepted: {0}")]
    OtherForm(#[from] OtherForm),
    /// The database did not take it, or did not say so.
    #[error("{}", not_taken(.0))]
    Store(#[from] StoreError),
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("payload_limit", &self.payload_limit)
            .finish_non_exhaustive()
    }
}

impl Acceptor {
    /// Starts gathering.
    pub fn start(store: Arc<dyn Store>, payload_limit: usize, patience: Duration) -> Self {
        let (patience, at_once) = (Patience::For(patience), store.accept_batches());
        let forms = Forms::of(Arc::clone(&store));
        let batcher =
            Batcher::start_with(store, "accept", patience, at_once, |store, batch: Vec<_>| {
                store.accept(batch.into_iter().map(Arc::unwrap_or_clone).collect())
            });
        Self { forms, batcher, payload_limit, meters: MetersByKind::default() }
    }

    /// Accepts one command: when this returns, it is durable.
    ///
    /// # Errors
    /// [`AcceptError`].
    pub async fn accept(
        &self,
        acceptance: Acceptance,
        meaning: &Meaning,
    ) -> Result<(OpId, Disposition), AcceptError> {
        self.check(&acceptance)?;
        let payload = acceptance.command.payload().clone();
        let meters = self.meters_of(&acceptance);
        let kind = tracing::enabled!(tracing::Level::INFO).then(|| acceptance.command.kind());
        let admitted = self.admit(acceptance).await;
        let compared = admitted.and_then(|admitted| disposition(admitted, &payload, meaning));
        count(&meters, &compared);
        let (op_id, disposition) = compared?;
        if let Some(kind) = kind {
            tracing::info!(%op_id, %kind, ?disposition, "accepted");
        }
        Ok((op_id, disposition))
    }

    /// What becomes of it once the form of its identity is stored.
    async fn admit(&self, acceptance: Acceptance) -> Result<Admitted, AcceptError> {
        let acceptance = Arc::new(acceptance);
        let admitted = self.batcher.submit(Arc::clone(&acceptance)).await?;
        let Some((kind, form)) = next_form(&acceptance, &admitted)? else { return Ok(admitted) };
        self.forms.identify(&kind, form).await??;
        Ok(self.batcher.submit(acceptance).await?)
    }

    /// The meters of the kinds that were met.
    pub const fn meters(&self) -> &MetersByKind {
        &self.meters
    }

    /// The meters of what is to be accepted.
    pub fn meters_of(&self, acceptance: &Acceptance) -> Arc<Meters> {
        self.meters.of(acceptance.command.domain(), acceptance.command.event_type())
    }

    /// Refuses what the store must not see.
    ///
    /// # Errors
    /// [`Invalid`].
    pub fn check(&self, acceptance: &Acceptance) -> Result<(), Invalid> {
        let Acceptance { command, owner, time_budget, .. } = acceptance;
        command.check_identity(owner)?;
        command.payload().check_size(self.payload_limit)?;
        let (min, max) = (MIN_TIME_BUDGET, MAX_TIME_BUDGET);
        Invalid::check_duration("time_budget", *time_budget, min, max)?;
        Ok(())
    }
}

/// The caller's view of the store's answer. `ours` is the payload that was to be accepted.
///
/// # Errors
/// [`AcceptError::Conflict`], [`AcceptError::Taken`], [`AcceptError::OtherVersion`]; a transient one of the store
/// for a form that is still another one.
pub fn disposition(
    admitted: Admitted,
    ours: &Payload,
    meaning: &Meaning,
) -> Result<(OpId, Disposition), AcceptError> {
    match admitted {
        Admitted::Created { op_id } => Ok((op_id, Disposition::Created)),
        Admitted::Replayed { op_id } => Ok((op_id, Disposition::Replayed)),
        Admitted::Taken { op_id } => Err(AcceptError::Taken { op_id }),
        Admitted::OtherForm { .. } => {
            let error = "the form of the identity was changed meanwhile";
            Err(AcceptError::Store(StoreError::transient(error)))
        }
        // Another fingerprint may only be of another version of the command, or of orch.
        Admitted::Conflict { op_id, payload } => match meaning.compare(ours, &payload) {
            Comparison::Same => Ok((op_id, Disposition::Replayed)),
            Comparison::Differs { fields } => Err(AcceptError::Conflict { op_id, fields }),
            Comparison::Unknown(why) => Err(AcceptError::OtherVersion { op_id, why }),
        },
    }
}

/// Counts what became of a command. Before the comparison it is not known, nor where the store has failed.
pub fn count(meters: &Meters, compared: &Result<(OpId, Disposition), AcceptError>) {
    meters.accepted(match compared {
        Err(AcceptError::Store(_) | AcceptError::Invalid(_)) => return,
        Err(AcceptError::OtherForm(_)) => Became::OtherForm,
        Ok((_, Disposition::Created)) => Became::Created,
        Ok((_, Disposition::Replayed)) => Became::Replayed,
        Err(AcceptError::Taken { .. }) => Became::Taken,
        Err(AcceptError::OtherVersion { .. }) => Became::OtherVersion,
        Err(_) => Became::Conflict,
    });
}

/// A try before the last one may have been stored, so even a refusal does not say "not accepted".
fn not_taken(error: &StoreError) -> &'static str {
    match error {
        StoreError::Ended | StoreError::InsideHook => "nothing was accepted",
        StoreError::Outdated(_) => {
            "nothing was accepted; roll the transaction back, and run all of it again"
        }
        error if error.is_transient() => {
            "whether the command was accepted is unknown; accept it again with the same key"
        }
        _ => {
            "the database refused the command; once that is put right, accept it again with the same \
             key"
        }
    }
}

fn in_fields(fields: &[String]) -> String {
    if fields.is_empty() { "its body".to_owned() } else { fields.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differing(ours: &str, theirs: &str) -> Vec<String> {
        let meaning = Meaning { ignored: &["sent_at"], ..Meaning::WHOLE };
        match meaning.compare(&ours.into(), &theirs.into()) {
            Comparison::Differs { fields } => fields,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_refusal_is_not_called_unknown_and_has_its_cause_underneath() {
        let error = AcceptError::from(StoreError::fatal("a read-only file"));
        assert!(error.to_string().starts_with("the database refused"), "{error}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.ends_with("a read-only file"), "{cause}");
        let error = AcceptError::from(StoreError::transient("locked"));
        assert!(error.to_string().contains("unknown"), "{error}");
    }

    #[test]
    fn a_conflict_names_the_fields_that_differ_and_no_values() {
        let fields = differing(
            r#"{"amount":5,"card":"4242","same":1,"sent_at":1}"#,
            r#"{"amount":6,"same":1,"note":"x","sent_at":2}"#,
        );
        assert_eq!(fields, ["amount", "card", "note"]);
        let error = AcceptError::Conflict { op_id: OpId::generate(), fields };
        assert!(error.to_string().contains("differs in amount, card, note"), "{error}");
        assert!(!error.to_string().contains("4242"));
    }

    #[test]
    fn bodies_that_are_no_objects_differ_as_a_whole() {
        assert!(differing("[1]", r#"{"a":1}"#).is_empty());
        let error = AcceptError::Conflict { op_id: OpId::generate(), fields: Vec::new() };
        assert!(error.to_string().contains("differs in its body"), "{error}");
    }
}
