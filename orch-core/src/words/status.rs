use serde::{Deserialize, Serialize};

use super::spelling::spelled;

/// Where an operation is. COMPLETED and FAILED are terminal: written once, never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Accepted and never claimed: the provider has certainly not been called.
    Pending,
    /// Claimed at least once and not finished; the [`Phase`] says more.
    InProgress,
    /// Finished: the provider did what was asked.
    Completed,
    /// Finished: it did not, or that is unknown and the handler declares to end then.
    Failed,
}

impl Status {
    /// The legal moves, all of them. In the product only `machine::step` calls this; no store
    /// does.
    ///
    /// # Errors
    /// [`IllegalTransition`], naming both, for the other 13 of the 16 pairs.
    pub const fn transition(self, to: Self) -> Result<Self, IllegalTransition> {
        use Status::{Completed, Failed, InProgress, Pending};
        match (self, to) {
            (Pending, InProgress) | (InProgress, Completed | Failed) => Ok(to),
            (Pending, Pending | Completed | Failed)
            | (InProgress, Pending | InProgress)
            | (Completed, Pending | InProgress | Completed | Failed)
            | (Failed, Pending | InProgress | Completed | Failed) => {
                Err(IllegalTransition { from: self, to })
            }
        }
    }

    /// True for COMPLETED and FAILED.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

spelled!(
    Status, "status",
    Pending => "PENDING", InProgress => "IN_PROGRESS", Completed => "COMPLETED", Failed => "FAILED"
);

/// A move between statuses that the lifecycle does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an operation cannot go from {from} to {to}")]
pub struct IllegalTransition {
    /// The status that it is in.
    pub from: Status,
    /// The status that was asked for.
    pub to: Status,
}

/// What an IN_PROGRESS operation is doing; never a separate status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// An attempt holds the lease, or its outcome is logged and waits to be finalized.
    Running,
    /// The last attempt asked for a retry, which is not yet due or not yet claimed.
    Waiting,
    /// An attempt ended and it is unknown whether the provider acted.
    InDoubt,
    /// The provider has accepted the call and tells later what becomes of it: it never runs again, and is
    /// asked about now and then if its handler has a reconcile.
    Submitted,
    /// Automatic means are used up; an operator must resolve it.
    Parked,
}

impl Phase {
    /// True for the phases in which an operation waits for something, so that it has a reason
    /// that can be shown.
    #[must_use]
    pub const fn has_reason(self) -> bool {
        matches!(self, Self::Waiting | Self::InDoubt | Self::Submitted | Self::Parked)
    }
}

spelled!(
    Phase, "phase",
    Running => "running", Waiting => "waiting", InDoubt => "in_doubt",
    Submitted => "submitted", Parked => "parked"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_moves_are_legal_and_thirteen_are_not() {
        let legal = [
            (Status::Pending, Status::InProgress),
            (Status::InProgress, Status::Completed),
            (Status::InProgress, Status::Failed),
        ];
        let mut refused = 0;
        for from in Status::ALL {
            for to in Status::ALL {
                if legal.contains(&(from, to)) {
                    assert_eq!(from.transition(to), Ok(to));
                } else {
                    refused += 1;
                    let error = from.transition(to).unwrap_err();
                    assert_eq!(error, IllegalTransition { from, to });
                    let text = error.to_string();
                    assert!(text.contains(from.as_str()) && text.contains(to.as_str()), "{text}");
                }
            }
        }
        assert_eq!(refused, 13);
    }

    #[test]
    fn a_terminal_state_has_no_way_out() {
        for from in Status::ALL {
            let stuck = Status::ALL.into_iter().all(|to| from.transition(to).is_err());
            assert_eq!(from.is_terminal(), stuck, "{from}");
        }
    }

    #[test]
    fn spelling_round_trips() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for phase in Phase::ALL {
            assert_eq!(phase.as_str().parse(), Ok(phase));
            assert_eq!(serde_json::to_value(phase).unwrap(), phase.as_str());
        }
        assert!("pending".parse::<Status>().is_err());
        assert!("RUNNING".parse::<Phase>().is_err());
    }
}
