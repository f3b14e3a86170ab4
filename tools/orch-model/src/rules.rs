use orch_core::policies::{Effect, InDoubt};

use crate::Mistake;
use crate::world::identity;

/// Executions allowed, unless the rules say otherwise.
pub const MAX_ATTEMPTS: u32 = 2;
/// Questions to the provider allowed.
pub const MAX_RECONCILES: u32 = 2;
/// How long a claim lasts unless renewed, in ticks; a tick is a second.
pub const LEASE: u8 = 2;
/// The backoff between two executions or questions, in ticks.
pub const DELAY: u8 = 1;
/// From accept to the deadline, in ticks.
pub const TIME_BUDGET: u8 = 4;

/// What one check explores: which operations there are, what may go wrong and how often, and
/// which guard is wrong, if one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The operations: one or two.
    pub operations: Vec<Declared>,
    /// What may go wrong.
    pub faults: Faults,
    /// Executions allowed.
    pub max_attempts: u32,
    /// Where the store's clock stops, so that the state space is finite. Every state is checked
    /// to come to an end from there as well.
    pub last_tick: u8,
    /// True if the database notices that it has lost a claim, and an operator has confirmed it.
    pub notices_losses: bool,
    /// True if a finalize hook that fails once is given up: its operation is parked for it.
    pub hooks_give_up: bool,
    /// The guard that is wrong.
    pub mistake: Option<Mistake>,
}

/// What the handler of an operation declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declared {
    /// What follows an attempt in doubt. Only with `retry` does the provider honour keys: who
    /// has no keys declares something else.
    pub in_doubt: InDoubt,
    /// True if there is a finalize hook, so that log and finalize are two commits.
    pub hooked: bool,
    /// How long the provider remembers a key, in ticks; `None` for ever. Only where it honours
    /// keys, and without jumps of the store's clock, which the life of a key is measured by.
    pub key_lifetime: Option<u8>,
}

impl Declared {
    /// An operation without a hook.
    #[must_use]
    pub const fn plain(in_doubt: InDoubt) -> Self {
        Self { in_doubt, hooked: false, key_lifetime: None }
    }

    /// An operation with a finalize hook.
    #[must_use]
    pub const fn hooked(in_doubt: InDoubt) -> Self {
        Self { in_doubt, hooked: true, key_lifetime: None }
    }

    /// The same, with a provider that forgets keys after so many ticks.
    #[must_use]
    pub const fn forgotten_after(self, ticks: u8) -> Self {
        Self { key_lifetime: Some(ticks), ..self }
    }

    /// What a call does at the provider.
    #[must_use]
    pub fn effect(self) -> Effect {
        if self.honours_keys() { Effect::Keyed } else { Effect::Unsafe }
    }

    /// True if the provider acts once for a key, however often it is called with it.
    #[must_use]
    pub fn honours_keys(self) -> bool {
        self.in_doubt == InDoubt::Retry
    }
}

impl std::fmt::Display for Declared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hook = if self.hooked { " with a hook" } else { "" };
        write!(f, "{}{hook}", self.in_doubt)?;
        let forgets = |ticks| write!(f, ", keys live {ticks}");
        self.key_lifetime.map_or(Ok(()), forgets)
    }
}

/// Every declaration, without a hook and with one.
#[must_use]
pub fn every_declaration() -> [Declared; 8] {
    let [retry, park, fail, reconcile] = InDoubt::ALL;
    [
        Declared::plain(retry),
        Declared::plain(park),
        Declared::plain(fail),
        Declared::plain(reconcile),
        Declared::hooked(retry),
        Declared::hooked(park),
        Declared::hooked(fail),
        Declared::hooked(reconcile),
    ]
}

/// How many of each fault there may be in one run, and how many in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Faults {
    /// Faults of any sort.
    pub total: u8,
    /// Workers that die, perhaps with a write still on its way.
    pub crashes: u8,
    /// Workers that stand still, perhaps beyond their lease, and then go on.
    pub pauses: u8,
    /// Replies of the store that get lost after it did what it was asked.
    pub lost_replies: u8,
    /// Jumps of the store's clock, in either direction.
    pub clock_steps: u8,
    /// Finalize hooks that fail.
    pub failing_hooks: u8,
    /// Claims that are given back without having been run.
    pub given_back: u8,
    /// Claims that the database loses, by a fail-over or a restored copy, while their worker goes on.
    pub lost_claims: u8,
}

impl Faults {
    /// At most `total` faults, of any sort but lost claims.
    #[must_use]
    pub const fn any(total: u8) -> Self {
        Self {
            total,
            crashes: total,
            pauses: total,
            lost_replies: total,
            clock_steps: total,
            failing_hooks: total,
            given_back: total,
            lost_claims: 0,
        }
    }

    /// The same with lost claims.
    #[must_use]
    pub const fn with_lost_claims(self) -> Self {
        Self { lost_claims: self.total, ..self }
    }

    /// The same without jumps of the clock.
    #[must_use]
    pub const fn without_clock_steps(self) -> Self {
        Self { clock_steps: 0, ..self }
    }
}

impl Rules {
    /// The rules without a mistake.
    #[must_use]
    pub fn new(operations: &[Declared], faults: Faults) -> Self {
        let last_tick = TIME_BUDGET + 1;
        let operations = operations.to_vec();
        Self {
            operations,
            faults,
            max_attempts: MAX_ATTEMPTS,
            last_tick,
            notices_losses: false,
            hooks_give_up: false,
            mistake: None,
        }
    }

    /// At most so many faults of any sort, without those that the operations exclude.
    #[must_use]
    pub fn of(operations: &[Declared], faults: u8) -> Self {
        let forgetful = operations.iter().any(|declared| declared.key_lifetime.is_some());
        let faults = Faults::any(faults);
        Self::new(operations, if forgetful { faults.without_clock_steps() } else { faults })
    }

    /// The same with a database that loses claims.
    #[must_use]
    pub fn losing_claims(self) -> Self {
        Self { faults: self.faults.with_lost_claims(), ..self }
    }

    /// The same with a database that loses claims and notices it.
    #[must_use]
    pub fn noticing_losses(self) -> Self {
        Self { notices_losses: true, ..self.losing_claims() }
    }

    /// The same with hooks that are given up when they have failed once.
    #[must_use]
    pub fn giving_up_hooks(self) -> Self {
        Self { hooks_give_up: true, ..self }
    }

    /// What the handler of this operation declares.
    #[must_use]
    pub fn declared(&self, op: usize) -> Declared {
        self.operations[identity(op)]
    }

    /// True if this guard is the wrong one.
    #[must_use]
    pub fn has(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }
}
