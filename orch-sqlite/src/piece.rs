//! The calls that the writer gets: one variant for each verb that writes.

use orch_core::store::{
    Acceptance, Admitted, AnswerParams, ClaimParams, Claimed, ConfirmParams, Confirmed,
    EndedAttempt, Finalization, Finalized, Logged, PutOff, RecordParams, RecordedAnswer,
    RedriveParams, Redriven, Release, Released, ResolveParams, Resolved, StoreError, SweepParams,
    Swept,
};
use orch_core::words::{Incarnation, OpId, Reference};
use tokio::sync::oneshot;

use crate::page::{Removed, Taken};
use crate::same_file::Birth;
use crate::sql::Db;
use crate::{answer, claim, incarnation, operator, purge, sweep};

/// A call that waits for its answer.
pub(crate) struct Call<P, A> {
    pub(crate) params: P,
    pub(crate) reply: oneshot::Sender<Result<A, StoreError>>,
    pub(crate) answer: Option<Result<A, StoreError>>,
}

/// A call of a verb over a batch.
pub(crate) type Many<I, A> = Call<Vec<I>, Vec<A>>;

/// The verbs that write.
pub(crate) enum Piece {
    Accept(Many<Acceptance, Admitted>),
    Claim(Call<ClaimParams, Vec<Claimed>>),
    Log(Many<EndedAttempt, Logged>),
    Finalize(Many<Finalization, Finalized>),
    Settle(Many<EndedAttempt, Finalized>),
    Release(Many<Release, Released>),
    SweepExpired(Call<usize, Vec<Swept>>),
    SweepEarlier(Call<SweepParams, Vec<Swept>>),
    SweepOverBudget(Call<SweepParams, Vec<Swept>>),
    Incarnation(Call<Birth, Incarnation>),
    Confirm(Call<(ConfirmParams, Birth), Confirmed>),
    Resolve(Call<ResolveParams, Resolved>),
    Refer(Call<(Reference, OpId), ()>),
    Record(Call<RecordParams, RecordedAnswer>),
    Answer(Call<AnswerParams, Vec<Swept>>),
    Redrive(Call<RedriveParams, Redriven>),
    Purge(Call<usize, Vec<Removed>>),
}

/// The verbs that are no batch, one after the other.
pub(crate) async fn single(
    db: &mut Db<'_>,
    piece: &mut Piece,
    put_off: &PutOff,
) -> Result<(), StoreError> {
    match piece {
        Piece::Claim(call) => {
            call.answer = Some(Ok(claim::claim(db, &call.params, put_off).await?));
        }
        Piece::SweepExpired(call) => {
            call.answer = Some(Ok(sweep::expired(db, call.params, put_off).await?));
        }
        Piece::SweepOverBudget(call) => {
            call.answer = Some(Ok(sweep::over_budget(db, &call.params, put_off).await?));
        }
        Piece::SweepEarlier(call) => {
            call.answer = Some(Ok(sweep::earlier(db, &call.params, put_off).await?));
        }
        Piece::Incarnation(call) => {
            call.answer = Some(Ok(incarnation::look(db, call.params).await?));
        }
        Piece::Confirm(call) => {
            let (params, birth) = &call.params;
            call.answer = Some(Ok(incarnation::confirm(db, params, *birth).await?));
        }
        Piece::Refer(call) => call.answer = Some(Ok(answer::refer(db, &call.params).await?)),
        Piece::Record(call) => call.answer = Some(Ok(answer::record(db, &call.params).await?)),
        Piece::Answer(call) => {
            call.answer = Some(Ok(answer::answer(db, &call.params, put_off).await?));
        }
        Piece::Resolve(call) => call.answer = Some(Ok(operator::resolve(db, &call.params).await?)),
        Piece::Redrive(call) => call.answer = Some(Ok(operator::redrive(db, &call.params).await?)),
        Piece::Purge(call) => {
            call.answer = Some(Ok(purge::purge(db, call.params, put_off).await?));
        }
        Piece::Accept(_)
        | Piece::Log(_)
        | Piece::Finalize(_)
        | Piece::Settle(_)
        | Piece::Release(_) => {}
    }
    Ok(())
}

/// Does the same to the call inside, whatever verb it is of.
macro_rules! each {
    ($piece:expr, $call:ident => $act:expr) => {
        match $piece {
            Piece::Accept($call) => $act,
            Piece::Claim($call) => $act,
            Piece::Log($call) => $act,
            Piece::Finalize($call) => $act,
            Piece::Settle($call) => $act,
            Piece::Release($call) => $act,
            Piece::SweepExpired($call) => $act,
            Piece::SweepEarlier($call) => $act,
            Piece::SweepOverBudget($call) => $act,
            Piece::Incarnation($call) => $act,
            Piece::Confirm($call) => $act,
            Piece::Resolve($call) => $act,
            Piece::Refer($call) => $act,
            Piece::Record($call) => $act,
            Piece::Answer($call) => $act,
            Piece::Redrive($call) => $act,
            Piece::Purge($call) => $act,
        }
    };
}

impl Piece {
    /// Sends the answer, now that it is durable. A caller that no longer listens is no error.
    pub(crate) fn answer(self) {
        each!(self, call => {
            let lost = || Err(StoreError::transient("the writer has no answer"));
            let _ = call.reply.send(call.answer.unwrap_or_else(lost));
        });
    }

    pub(crate) fn fail(self, error: &StoreError) {
        each!(self, call => { let _ = call.reply.send(Err(error.clone())); });
    }

    /// The answer is durable: what has moved is no longer put off.
    pub(crate) fn note_moved(&self, put_off: &PutOff) {
        fn note<P, A: Taken>(call: &Call<P, Vec<A>>, put_off: &PutOff) {
            let taken = call.answer.iter().flatten().flatten();
            taken.filter(|it| !it.is_refused()).for_each(|it| put_off.moved(it.op_id()));
        }
        match self {
            Self::Claim(call) => note(call, put_off),
            Self::SweepExpired(call) => note(call, put_off),
            Self::Answer(call) => note(call, put_off),
            Self::SweepEarlier(call) | Self::SweepOverBudget(call) => note(call, put_off),
            Self::Purge(call) => note(call, put_off),
            _ => {}
        }
    }

    /// True if a part of it can succeed where the whole is refused.
    pub(crate) fn is_divisible(&self) -> bool {
        match self {
            Self::Claim(_)
            | Self::SweepExpired(_)
            | Self::Answer(_)
            | Self::SweepEarlier(_)
            | Self::SweepOverBudget(_)
            | Self::Purge(_) => true,
            other => other.items() > 1,
        }
    }

    /// Items that can fail apart from each other.
    fn items(&self) -> usize {
        match self {
            Self::Accept(call) => call.params.len(),
            Self::Log(call) => call.params.len(),
            Self::Settle(call) => call.params.len(),
            Self::Finalize(call) => call.params.len(),
            Self::Release(call) => call.params.len(),
            _ => 1,
        }
    }

    /// True for the verbs after which there may be work to claim.
    pub(crate) fn makes_work(&self) -> bool {
        !matches!(self, Self::Claim(_) | Self::Log(_) | Self::Purge(_) | Self::Incarnation(_))
    }
}
