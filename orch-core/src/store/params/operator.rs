use serde::Serialize;

use super::Finalized;
use crate::words::{Failure, Invalid, OpId, Owner, Payload, Phase, Status};

/// A person's decision about a parked operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// The provider did it: COMPLETED with this output, [`Resolution::ok`] of what the handler would
    /// have returned. It is not checked against that type: whoever waits decodes it.
    Ok(Payload),
    /// It did not: FAILED.
    Fail(Failure),
    /// Run it once more: due at once, with a fresh time budget and fresh questions to the
    /// provider. Its attempts go on counting, so with none left a retry fails it.
    RunAgain,
}

impl Resolution {
    /// The provider did it: COMPLETED with this output, a value as the handler returns it.
    ///
    /// # Errors
    /// [`Invalid::NotEncodable`] if the output has no JSON form.
    pub fn ok<T: Serialize + ?Sized>(output: &T) -> Result<Self, Invalid> {
        Payload::json(output).map(Self::Ok)
    }

    /// It did not: FAILED, for certain, with a code for programs and a sentence for people.
    #[must_use]
    pub fn fail(code: &str, message: &str) -> Self {
        Self::Fail(Failure::new(code, message))
    }
}

/// A parked operation to resolve.
#[derive(Debug, Clone)]
pub struct ResolveParams {
    /// The operation.
    pub op_id: OpId,
    /// Whose it is.
    pub owner: Owner,
    /// The decision.
    pub resolution: Resolution,
    /// Who decided.
    pub who: String,
    /// Why.
    pub why: String,
}

/// What became of a person's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// It is carried out. `None` if it is logged and the Finalizer has to run the hook.
    Resolved(Option<Finalized>),
    /// The operation is not parked.
    NotParked {
        /// The status that it has.
        status: Status,
        /// Its phase.
        phase: Option<Phase>,
    },
    /// This owner has no such operation.
    NotFound,
}

/// A failed operation to run anew.
#[derive(Debug, Clone)]
pub struct RedriveParams {
    /// The failed operation.
    pub op_id: OpId,
    /// Whose it is.
    pub owner: Owner,
    /// The id of the new one.
    pub new_op_id: OpId,
    /// True to run it anew although the provider may have acted.
    pub even_if_uncertain: bool,
}

/// What became of a redrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redriven {
    /// A new, linked operation is PENDING, with the payload, identity and time budget of the
    /// failed one.
    Created {
        /// The new operation.
        op_id: OpId,
    },
    /// It was redriven before.
    AlreadyRedriven {
        /// The operation that runs it anew.
        op_id: OpId,
    },
    /// Its failure is uncertain, or a success was answered too late, and `even_if_uncertain` was
    /// not set: a new operation has a new provider key, so it could make the provider act twice.
    Uncertain,
    /// It has not failed.
    NotFailed {
        /// The status that it has.
        status: Status,
    },
    /// This owner has no such operation.
    NotFound,
}
