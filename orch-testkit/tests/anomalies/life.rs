//! The lives of operations.

use std::time::Duration;

use orch_core::policies::InDoubt;
use orch_core::words::code;
use orch_testkit::Step;

/// The life of one operation: what its handler declares, what the provider does, how it ends.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    pub name: &'static str,
    pub in_doubt: InDoubt,
    pub hooked: bool,
    /// What the provider does with its calls; then it charges.
    pub script: &'static [Step],
    pub payload: &'static str,
    pub time_budget: Duration,
    /// How long the handler takes before it calls.
    pub slowness: Duration,
    /// A client that is told of a failure has it run anew.
    pub redriven: bool,
    /// The code of its failure; `None` if it is COMPLETED.
    pub fails: Option<&'static str>,
}

/// What is charged and answered at once.
const PLAIN: Life = Life {
    name: "plain",
    in_doubt: InDoubt::Retry,
    hooked: false,
    script: &[],
    payload: r#"{"amount":5}"#,
    time_budget: Duration::from_secs(300),
    slowness: Duration::ZERO,
    redriven: false,
    fails: None,
};

pub const LIVES: [Life; 12] = [
    PLAIN,
    Life { name: "with a hook", hooked: true, ..PLAIN },
    Life {
        name: "with two retries",
        script: &[Step::Unavailable, Step::RateLimited(Duration::from_millis(20))],
        ..PLAIN
    },
    Life { name: "with a retry and a hook", script: &[Step::Unavailable], hooked: true, ..PLAIN },
    Life { name: "in doubt, run again", script: &[Step::ChargeAndNeverAnswer], ..PLAIN },
    Life {
        name: "in doubt, reconciled",
        script: &[Step::ChargeAndNeverAnswer],
        in_doubt: InDoubt::Reconcile,
        ..PLAIN
    },
    Life {
        name: "in doubt, reconciled, with a hook",
        script: &[Step::NeverAnswer],
        in_doubt: InDoubt::Reconcile,
        hooked: true,
        ..PLAIN
    },
    Life {
        name: "parked and resolved, with a hook",
        script: &[Step::ChargeAndNeverAnswer],
        in_doubt: InDoubt::Park,
        hooked: true,
        ..PLAIN
    },
    Life {
        name: "parked and run again",
        script: &[Step::NeverAnswer],
        in_doubt: InDoubt::Park,
        ..PLAIN
    },
    Life { name: "slow, with renewals", slowness: Duration::from_millis(350), ..PLAIN },
    Life { name: "declined and redriven", script: &[Step::Decline], redriven: true, ..PLAIN },
    // Given back for a worker that can read it, until its time is over.
    Life {
        name: "given back",
        payload: "not the command",
        time_budget: Duration::from_millis(500),
        fails: Some(code::TIME_BUDGET_EXCEEDED),
        ..PLAIN
    },
];

/// Ends by its time budget, so it is lived in more than an instant.
pub const SPENT: Life = Life {
    name: "a time budget that ends",
    script: &[Step::Unavailable; 200],
    time_budget: Duration::from_millis(200),
    fails: Some(code::TIME_BUDGET_EXCEEDED),
    ..PLAIN
};

impl Life {
    pub fn reconciles(&self) -> bool {
        self.in_doubt == InDoubt::Reconcile
    }
}
