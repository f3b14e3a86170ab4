//! Inputs as they come: right ones, wrong ones, and those at the edge.

use std::time::Duration;

use orch_core::policies::{Backoff, InDoubt, MAX_TIME_BUDGET, MIN_TIME_BUDGET};
use orch_core::words::{AttemptEnd, Failure, Outcome, Payload, storable};
use proptest::prelude::*;

/// The largest payload that is accepted here.
pub const PAYLOAD_LIMIT: usize = 4096;

/// One operation's inputs, as a client, a handler and its declaration give them.
#[derive(Debug, Clone)]
pub struct Case {
    pub owner: String,
    pub domain: String,
    pub event_type: String,
    pub biz_key: String,
    pub idem_key: String,
    pub payload: Vec<u8>,
    pub time_budget: Duration,
    pub max_attempts: u32,
    pub max_reconciles: u32,
    pub backoff: (u64, u64),
    pub in_doubt: InDoubt,
    pub hooked: bool,
    pub end: AttemptEnd,
    /// After which attempt the delay is reckoned, with which jitter.
    pub attempt: u32,
    pub jitter: f64,
}

pub fn case() -> impl Strategy<Value = Case> {
    let names = (key(), name(), name(), key(), key());
    let numbers = (count(), count(), any::<(u64, u64)>(), count(), any::<f64>());
    let declared = (prop::sample::select(InDoubt::ALL.to_vec()), any::<bool>());
    (names, bytes(), duration(), numbers, declared, end()).prop_map(
        |(names, payload, time_budget, numbers, declared, end)| {
            let (owner, domain, event_type, biz_key, idem_key) = names;
            let (max_attempts, max_reconciles, backoff, attempt, jitter) = numbers;
            let (in_doubt, hooked) = declared;
            Case {
                owner,
                domain,
                event_type,
                biz_key,
                idem_key,
                payload,
                time_budget,
                max_attempts,
                max_reconciles,
                backoff,
                in_doubt,
                hooked,
                end,
                attempt,
                jitter,
            }
        },
    )
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        40 => "[a-zA-Z0-9:/-]{1,24}",
        20 => "\\PC{1,40}",
        2 => any::<String>(),
        1 => "[ \t\u{a0}\u{3000}]{0,3}",
        1 => (prop::sample::select(vec!["x", "주", "🚀"]), 253usize..=257).prop_map(|(c, n)| c.repeat(n)),
        1 => prop::sample::select(vec![
            "'; DROP TABLE orch_operation; --", "$1 ?1 :a %s {}", "\u{feff}", "a\0b", "\u{202e}abc",
            "A\u{308}", "\u{fffe}\u{ffff}\u{10ffff}", "\\", "\"", "\u{7f}", "\u{85}", "\r\n",
        ]).prop_map(str::to_owned),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        40 => "[A-Z][A-Z0-9_]{0,8}(\\.[A-Z][A-Z0-9_]{0,5}){0,2}",
        1 => "[A-Z]{49,51}",
        1 => "[A-Za-z0-9_.]{0,12}",
        1 => any::<String>(),
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..64),
        4 => any::<String>().prop_map(String::into_bytes),
        1 => (PAYLOAD_LIMIT - 1..=PAYLOAD_LIMIT + 1).prop_map(|size| vec![0; size]),
    ]
}

/// Mostly the budgets that people give; also none, a nanosecond, and more than there is time.
fn duration() -> impl Strategy<Value = Duration> {
    let edges = vec![
        Duration::ZERO,
        Duration::from_nanos(1),
        MIN_TIME_BUDGET - Duration::from_nanos(1),
        MIN_TIME_BUDGET,
        MAX_TIME_BUDGET,
        MAX_TIME_BUDGET + Duration::from_nanos(1),
        Duration::MAX,
    ];
    prop_oneof![
        12 => (1u64..600_000).prop_map(Duration::from_millis),
        2 => (any::<u32>(), 0u32..1_000_000_000).prop_map(|(s, n)| Duration::new(s.into(), n)),
        1 => any::<(u64, u32)>().prop_map(|(s, n)| Duration::new(s, n % 1_000_000_000)),
        1 => prop::sample::select(edges),
    ]
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![6 => 1u32..5, 1 => any::<u32>(), 1 => Just(0), 1 => Just(u32::MAX), 1 => Just(1 << 31)]
}

/// Texts are what the flow makes of them; a handler may have said anything.
fn text() -> impl Strategy<Value = String> {
    let long = (any::<char>(), 2000usize..9000).prop_map(|(c, n)| c.to_string().repeat(n));
    prop_oneof![
        12 => any::<String>(),
        2 => "[a-z ]{0,30}",
        1 => long,
        1 => Just("a\0b".to_owned()),
    ]
    .prop_map(|text| storable(&text))
}

fn end() -> impl Strategy<Value = AttemptEnd> {
    let failure = (text(), text(), prop::option::of(text()), any::<(bool, bool)>()).prop_map(
        |(code, message, cause, (uncertain, called))| {
            let failure = Failure::new(&code, &message).cause(cause.as_deref());
            failure.uncertain(uncertain).called(called)
        },
    );
    prop_oneof![
        bytes()
            .prop_map(|output| Outcome::Ok { output: Payload::from(output) })
            .prop_map(AttemptEnd::Outcome),
        failure.prop_map(Outcome::Fail).prop_map(AttemptEnd::Outcome),
        (text(), prop::option::of(duration()))
            .prop_map(|(reason, after)| AttemptEnd::Outcome(Outcome::Retry { reason, after })),
        text().prop_map(|reason| AttemptEnd::InDoubt { reason }),
        Just(AttemptEnd::NotHappened),
        (text(), prop::option::of(duration()))
            .prop_map(|(reason, after)| AttemptEnd::StillRunning { reason, after }),
        text().prop_map(|reason| AttemptEnd::AlreadyDone { reason }),
    ]
}

impl Case {
    /// The first field that breaks its rule, written down once more and without the words.
    pub fn broken(&self) -> Option<&'static str> {
        let control = |text: &str| text.chars().any(char::is_control);
        let key = |text: &str| text.chars().count() <= 255 && !control(text);
        let blank = |text: &str| text.chars().all(char::is_whitespace);
        let fields = [
            ("domain", is_name(&self.domain)),
            ("event_type", is_name(&self.event_type)),
            ("biz_key", key(&self.biz_key) && !blank(&self.biz_key)),
            ("idem_key", key(&self.idem_key) && !blank(&self.idem_key)),
            ("owner", key(&self.owner)),
            ("payload", self.payload.len() <= PAYLOAD_LIMIT),
            ("time_budget", (MIN_TIME_BUDGET..=MAX_TIME_BUDGET).contains(&self.time_budget)),
        ];
        fields.into_iter().find(|(_, right)| !right).map(|(field, _)| field)
    }

    pub fn backoff(&self) -> Backoff {
        Backoff::from_millis(self.backoff.0, self.backoff.1)
    }

    /// What the flow waits after this end, in whole milliseconds as every store keeps them.
    pub fn delay(&self) -> Duration {
        let after = match &self.end {
            AttemptEnd::Outcome(Outcome::Retry { after, .. })
            | AttemptEnd::StillRunning { after, .. } => *after,
            _ => None,
        };
        millis(self.backoff().delay_at_least(self.attempt, self.jitter, after))
    }
}

fn is_name(text: &str) -> bool {
    let word = |word: &str| {
        let bytes = word.as_bytes();
        let rest = |b: &u8| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_');
        bytes.first().is_some_and(u8::is_ascii_uppercase) && bytes.iter().all(rest)
    };
    text.len() <= 50 && text.split('.').all(word)
}

/// Spans of a thousand years and more may be kept as any other.
pub const LONGEST: Duration = Duration::from_secs(1000 * 365 * 24 * 60 * 60);

/// A span in whole milliseconds, rounded up, a thousand years at most.
pub fn millis(span: Duration) -> Duration {
    // An instant has whole microseconds; what is finer never mattered.
    let up = u64::try_from(span.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
    Duration::from_millis(up).min(LONGEST)
}
