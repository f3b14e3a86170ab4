use std::time::Duration;

use fastrand::Rng;
use orch_core::machine::{Entry, Request, Row};
use orch_core::policies::{FINALIZER_HEAD_START, MAX_HOOK_FAILURES, UNHANDLED_PARKED_AFTER};
use orch_core::words::{
    AttemptEnd, BizKey, Fence, FinalOutcome, IdemKey, Identity, KeySeed, Kind, LogEntry, LogStatus,
    OpId, Outcome, Owner, Phase, Source, Status, Timestamp,
};

use super::Kept;
use super::history::{ANOTHER, OURS, fence};

/// Rows in every status and phase, as the schema allows them, and facts about them. Counts lie
/// around their limits and instants around now: before, after, and the very same.
#[derive(Debug)]
pub struct Generator {
    pub(super) rng: Rng,
    now: Timestamp,
    made: u64,
}

/// What an operation is doing.
#[derive(Debug, Clone, Copy)]
enum Situation {
    Pending,
    /// An attempt holds the lease.
    Attempting,
    /// A reconcile holds the lease.
    Reconciling,
    /// A worker has logged its end.
    Logged,
    /// The engine or an operator has logged the end, for the Finalizer to run the hook.
    Concluded,
    Waiting,
    InDoubt,
    /// The provider has accepted it.
    Submitted,
    /// The same, and a reconcile holds the lease.
    AskingSubmitted,
    Parked,
    /// Its end is logged, and the hook has failed too often, or nobody has it.
    ParkedForHook,
    Completed,
    Failed,
}

/// Milliseconds from now at which limits are set, beside which instants fall.
const AROUND: [i64; 9] = [-5000, -1001, -1000, -1, 0, 1, 999, 1000, 5000];

impl Generator {
    /// The same seed and instant make the same rows and facts.
    #[must_use]
    pub fn new(seed: u64, now: Timestamp) -> Self {
        Self { rng: Rng::with_seed(seed), now, made: 0 }
    }

    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.rng.usize(..of.len())]
    }

    /// An instant near now, to the microsecond.
    fn around(&mut self) -> Timestamp {
        let ms = self.one(&AROUND);
        Timestamp::from_micros(self.now.as_micros() + ms * 1000 + self.rng.i64(0..2))
    }

    pub(super) fn before(&mut self) -> Timestamp {
        Timestamp::from_micros(self.now.as_micros() - self.rng.i64(1..5_000_000))
    }

    /// A delay around the distance of deadlines, in whole milliseconds as it is stored.
    pub fn delay(&mut self) -> Duration {
        Duration::from_millis(self.one(&[0, 1, 999, 1000, 1001, 5000]))
    }

    pub(super) fn text(&mut self) -> String {
        let texts = ["busy", "no answer", "주문 \"7\" \\ done", "", "  two\nlines "];
        self.one(&texts).to_owned()
    }

    /// All that a store keeps of one operation, in its own situation.
    pub fn kept(&mut self) -> Kept {
        use Situation::{
            AskingSubmitted, Attempting, Completed, Concluded, Failed, InDoubt, Logged, Parked,
            ParkedForHook, Pending, Reconciling, Submitted, Waiting,
        };
        let situation = self.one(&[
            Pending,
            Attempting,
            Attempting,
            Reconciling,
            Logged,
            Logged,
            Concluded,
            Waiting,
            InDoubt,
            Submitted,
            AskingSubmitted,
            Parked,
            ParkedForHook,
            Completed,
            Failed,
        ]);
        let mut kept = self.in_progress();
        match situation {
            Pending => kept = self.pending(),
            Attempting => self.lease(&mut kept.row, Phase::Running),
            Reconciling => {
                kept.row.policy.in_doubt = orch_core::policies::InDoubt::Reconcile;
                kept.row.first_called_at = Some(self.before());
                self.lease(&mut kept.row, Phase::InDoubt);
            }
            Logged => {
                let (definite, source) = (self.rng.bool(), self.source());
                let end = self.end(definite);
                let pending = self.rng.u8(..4) > 0;
                self.log(&mut kept, source, end, pending);
            }
            Concluded => {
                kept.row.policy.hooked = true;
                let source = self.one(&[Source::Engine, Source::Operator]);
                let end = self.end(true);
                self.log(&mut kept, source, end, true);
            }
            Waiting => self.due(&mut kept.row, Phase::Waiting),
            InDoubt => {
                kept.row.first_called_at = Some(self.before());
                self.due(&mut kept.row, Phase::InDoubt);
            }
            Submitted => self.submit(&mut kept.row),
            AskingSubmitted => {
                self.submit(&mut kept.row);
                kept.row.policy.in_doubt = orch_core::policies::InDoubt::Reconcile;
                kept.row.due_at = None;
                self.lease(&mut kept.row, Phase::Submitted);
            }
            Parked if self.rng.bool() => kept.row.phase = Some(Phase::Parked),
            // No worker had all that it needs.
            Parked => self.due(&mut kept.row, Phase::Parked),
            ParkedForHook => {
                kept.row.policy.hooked = true;
                let (source, end) = (self.source(), self.end(true));
                self.log(&mut kept, source, end, true);
                kept.row.phase = Some(Phase::Parked);
                if self.rng.bool()
                    && let Some(entry) = kept.log.last_mut()
                {
                    entry.due_at = None;
                }
            }
            Completed => {
                let output = self.payload();
                self.finish(&mut kept, FinalOutcome::Ok(output));
            }
            Failed => {
                let failure = self.failure();
                self.finish(&mut kept, FinalOutcome::Failed(failure));
            }
        }
        kept
    }

    /// Mostly never; else for a moment, or for as long as it takes to be parked.
    fn unhandled_since(&mut self) -> Option<Timestamp> {
        match self.rng.u8(..4) {
            0 => Some(self.before()),
            1 => Some(self.before().minus(UNHANDLED_PARKED_AFTER)),
            _ => None,
        }
    }

    fn request(&mut self) -> Request {
        self.made += 1;
        let Kind { domain, event_type } = self.kind();
        // Without a seed there is only what release 0.1.0 accepted, and what was redriven from it.
        let seeded = self.rng.bool();
        let seed = KeySeed::from_bytes(self.rng.u128(..).to_be_bytes());
        Request {
            identity: Identity {
                owner: Owner::default(),
                domain,
                event_type,
                biz_key: BizKey::new(format!("ORDER-{}", self.made)).unwrap(),
                idem_key: IdemKey::new(format!("key-{}", self.made)).unwrap(),
            },
            payload: self.payload(),
            accepted_at: self.before(),
            redrive_of: (!seeded).then(OpId::generate),
            redrive: self.rng.u32(..3),
            key_seed: seeded.then_some(seed),
        }
    }

    fn pending(&mut self) -> Kept {
        let request = self.request();
        let budget = Duration::from_millis(self.rng.u64(1..10_000));
        let kind = request.identity.kind();
        let row = Row::accepted(OpId::generate(), kind, budget, request.accepted_at);
        let row = Row { due_at: Some(self.around()), deadline: self.around(), ..row };
        Kept { request, row, log: Vec::new(), letter: None }
    }

    /// An operation in progress, of which the phase is still to be set.
    fn in_progress(&mut self) -> Kept {
        let mut kept = self.pending();
        let kind = kept.row.policy.kind.clone();
        let count = self.rng.i64(1..6);
        // Some are of a release whose fences had no id in them.
        let made: fn(i64) -> Fence = match self.rng.u8(..4) {
            0 => Fence::new,
            _ => |count| fence(count, OURS),
        };
        kept.row = Row {
            status: Status::InProgress,
            phase: Some(Phase::Running),
            attempt: self.rng.u32(..5),
            fence: made(count),
            retries: self.rng.u32(..3),
            lost_attempts: self.rng.u32(..2),
            uncounted: self.rng.u32(..4),
            reconciles: self.rng.u32(..4),
            key_generation: self.rng.u32(..3),
            due_at: None,
            first_called_at: self.rng.bool().then(|| self.before()),
            already_done: self.rng.u8(..4) == 0,
            submitted: self.rng.u8(..6) == 0,
            policy: self.policy(kind),
            reason: self.rng.bool().then(|| self.text()),
            incarnation: self.one(&[1, 2, 2, 2]),
            unhandled_since: self.unhandled_since(),
            ..kept.row
        };
        for before in 1..count {
            self.log_before(&mut kept, made(before));
        }
        // Answers of a claim that a restored copy has taken back.
        let another = fence(count, ANOTHER);
        if self.rng.u8(..8) == 0 && another != kept.row.fence {
            self.log_late(&mut kept, another);
        }
        kept
    }

    /// Perhaps an entry under an earlier fence, and perhaps a late one.
    fn log_before(&mut self, kept: &mut Kept, fence: Fence) {
        let source = self.one(&[Source::Handler, Source::Reconcile, Source::Engine]);
        let end = match source {
            Source::Engine => AttemptEnd::InDoubt { reason: self.text() },
            _ => self.end(false),
        };
        if self.rng.bool() {
            let entry = self.entry(&kept.row, fence, source, end);
            kept.log.push(entry);
        }
        if self.rng.u8(..4) == 0 {
            self.log_late(kept, fence);
        }
    }

    fn log_late(&mut self, kept: &mut Kept, fence: Fence) {
        let definite = self.rng.bool();
        let mut end = self.end(definite);
        if !end.is_answer() {
            end = AttemptEnd::NotHappened;
        }
        let mut entry = self.entry(&kept.row, fence, Source::Handler, end);
        entry.log.late = true;
        kept.log.push(entry);
    }

    /// A finalized entry.
    fn entry(&mut self, row: &Row, fence: Fence, source: Source, end: AttemptEnd) -> Entry {
        let of_attempt = source != Source::Operator && self.rng.bool();
        let mut log = LogEntry::new(fence, row.attempt, source, end, self.before());
        log.worker = of_attempt.then(|| self.worker());
        log.started_at = of_attempt.then(|| self.before());
        log.note = (source == Source::Operator).then(|| self.text());
        Entry { log, delay: Duration::ZERO, due_at: None, hook_failures: 0 }
    }

    fn lease(&mut self, row: &mut Row, phase: Phase) {
        row.phase = Some(phase);
        row.lease_expires_at = Some(self.around());
        row.worker = Some(self.worker());
        row.started_at = Some(self.before());
    }

    /// Without a reconcile it is looked at at its deadline.
    fn submit(&mut self, row: &mut Row) {
        row.first_called_at = Some(self.before());
        row.submitted = true;
        self.due(row, Phase::Submitted);
        if row.policy.in_doubt != orch_core::policies::InDoubt::Reconcile {
            row.due_at = Some(row.deadline);
        }
    }

    fn due(&mut self, row: &mut Row, phase: Phase) {
        row.phase = Some(phase);
        row.due_at = Some(self.around());
    }

    /// Logs an end under the latest fence: to be finalized, or as it is once that is done and the
    /// operation goes on.
    fn log(&mut self, kept: &mut Kept, source: Source, end: AttemptEnd, pending: bool) {
        let mut entry = self.entry(&kept.row, kept.row.fence, source, end);
        if pending {
            entry.log.status = LogStatus::Pending;
            entry.delay = self.delay();
            entry.due_at = Some(entry.log.logged_at.plus(FINALIZER_HEAD_START));
            entry.hook_failures =
                self.one(&[0, 1, 2, MAX_HOOK_FAILURES - 2, MAX_HOOK_FAILURES - 1]);
            // For as long as it takes to be parked, if nobody has its hook.
            if self.rng.u8(..4) == 0 {
                entry.due_at = entry.due_at.map(|at| at.minus(UNHANDLED_PARKED_AFTER));
            }
        } else {
            match self.rng.u8(..4) {
                0 => self.due(&mut kept.row, Phase::Waiting),
                1 => self.due(&mut kept.row, Phase::InDoubt),
                2 => self.submit(&mut kept.row),
                _ => kept.row.phase = Some(Phase::Parked),
            }
        }
        kept.log.push(entry);
    }

    fn finish(&mut self, kept: &mut Kept, outcome: FinalOutcome) {
        let source =
            self.one(&[Source::Handler, Source::Reconcile, Source::Operator, Source::Engine]);
        let end = AttemptEnd::Outcome(Outcome::from(outcome.clone()));
        let entry = self.entry(&kept.row, kept.row.fence, source, end);
        kept.row.status = outcome.status();
        kept.row.phase = None;
        kept.row.reason = None;
        kept.row.finished_at = Some(entry.log.logged_at);
        kept.row.expires_at = self.rng.bool().then(|| self.around()); // or undated
        if let FinalOutcome::Failed(failure) = &outcome {
            let late = kept.log.iter().filter(|entry| entry.log.late).count();
            kept.letter = Some((failure.clone(), u32::try_from(late).unwrap()));
        }
        kept.row.outcome = Some(outcome);
        kept.log.push(entry);
    }
}
