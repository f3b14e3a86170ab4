//! Which declarations of a handler a contract allows.

use std::time::Duration;

use super::KeyLifetime;
use super::rules::{Rules, refuse};
use crate::policies::{DEFAULT_COMPLETED_RETENTION, DEFAULT_FAILED_RETENTION, Effect, InDoubt};
use crate::provider::Message;

/// How long a handler goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// Of an operation, from its accept.
    pub(crate) time_budget: Duration,
    /// Of one attempt, which may begin when the budget ends.
    pub(crate) attempt_timeout: Duration,
}

impl Times {
    /// The latest end of the last attempt.
    const fn last_end(self) -> Duration {
        self.time_budget.saturating_add(self.attempt_timeout)
    }
}

impl Rules {
    /// Refuses an effect and an `in_doubt` that the contract does not allow.
    #[track_caller]
    pub(crate) const fn carry(&self, effect: Effect, in_doubt: InDoubt, times: Times) {
        self.legal();
        if !matches!(effect, Effect::Keyed) {
            return;
        }
        let repeats = matches!(in_doubt, InDoubt::Retry);
        match self.lifetime {
            KeyLifetime::NoKeys => self.has_no_keys(),
            KeyLifetime::Unpublished if repeats => self.is_silent(),
            KeyLifetime::Unpublished | KeyLifetime::Unlimited => {}
            KeyLifetime::AtLeast(lifetime) => {
                if repeats && lifetime.as_nanos() < times.last_end().as_nanos() {
                    self.forgets_too_early(lifetime, times);
                }
            }
        }
    }

    /// Refuses a key that outlives the operations: as long as the handler declares that they are
    /// kept, or else by default.
    #[track_caller]
    pub(crate) const fn outlived(
        &self,
        effect: Effect,
        completed: Option<Duration>,
        failed: Option<Duration>,
    ) {
        let Some(lifetime) = self.key_lifetime(effect) else { return };
        let completed = Kept::of("completed", completed, DEFAULT_COMPLETED_RETENTION);
        let failed = Kept::of("failed", failed, DEFAULT_FAILED_RETENTION);
        if lifetime.as_nanos() > completed.span.as_nanos() {
            self.outlives_the_operation(lifetime, &completed);
        }
        if lifetime.as_nanos() > failed.span.as_nanos() {
            self.outlives_the_operation(lifetime, &failed);
        }
    }

    /// How long a key is remembered, where that is checked at run time.
    pub(crate) const fn key_lifetime(&self, effect: Effect) -> Option<Duration> {
        match self.lifetime {
            KeyLifetime::AtLeast(lifetime) if matches!(effect, Effect::Keyed) => Some(lifetime),
            _ => None,
        }
    }

    /// Whether a definite error uses up a key.
    pub(crate) const fn replays_errors(&self) -> bool {
        self.replays_errors
    }

    /// Refuses a keyed handler that is not given the key. `offered` says of each argument behind
    /// the command whether it has one.
    #[track_caller]
    pub(crate) const fn key_is_taken(&self, offered: &[bool]) {
        let mut at = 0;
        while at < offered.len() {
            if offered[at] {
                return;
            }
            at += 1;
        }
        // A contract without keys has been refused for that.
        if !matches!(self.lifetime, KeyLifetime::NoKeys) {
            panic!(
                "the effect of this handler is `keyed`, and it does not take `Context`\n\
                 note: the key, which makes a repeated call the same call, comes with the context\n\
                 help: take `ctx: Context` behind the command, with `provider = Bank` \
                 `ctx: Context<Bank>`, and send `ctx.provider_key()` with each call; or give \
                 another `effect`"
            );
        }
    }

    #[track_caller]
    const fn has_no_keys(&self) -> ! {
        refuse(
            Message::EMPTY
                .with(self.name)
                .with(" knows no idempotency keys, and the effect of this handler is `keyed`")
                .with("\nnote: without a key, a repeated call acts again; `keyed` holds where no `effect` is given")
                .with("\nhelp: say what a repeated call does: `effect = \"read\"`, `\"idempotent\"` or `\"unsafe\"`"),
        )
    }

    #[track_caller]
    const fn is_silent(&self) -> ! {
        refuse(
            Message::EMPTY
                .with(self.name)
                .with(" does not publish how long it remembers a key (`KEY_LIFETIME` of its contract is `Unpublished`), and in doubt this handler repeats the call")
                .with("\nnote: once the key is forgotten, the repeated call acts a second time")
                .with("\nhelp: give `reconcile = …`, or `in_doubt = \"park\"` or `\"fail\"`, or write a contract of your own with a figure that the provider has confirmed"),
        )
    }

    #[track_caller]
    const fn forgets_too_early(&self, lifetime: Duration, times: Times) -> ! {
        refuse(
            Message::EMPTY
                .with("`attempt_timeout` of ")
                .with_duration(times.attempt_timeout)
                .with(" with the time budget of ")
                .with_duration(times.time_budget)
                .with(" makes ")
                .with_duration(times.last_end())
                .with(", and ")
                .with(self.name)
                .with(" forgets keys after ")
                .with_duration(lifetime)
                .with(" (`KEY_LIFETIME` of its contract)")
                .with("\nnote: in doubt this handler repeats the call up to the end of the budget, and once the key is forgotten, it acts a second time")
                .with("\nhelp: give `reconcile = …`, or `in_doubt = \"park\"` or `\"fail\"`, or a shorter `time_budget`"),
        )
    }

    #[track_caller]
    const fn outlives_the_operation(&self, lifetime: Duration, kept: &Kept) -> ! {
        refuse(
            Message::EMPTY
                .with(self.name)
                .with(" remembers keys for ")
                .with_duration(lifetime)
                .with(" (`KEY_LIFETIME` of its contract), and orch a ")
                .with(kept.end)
                .with(" operation for ")
                .with_duration(kept.span)
                .with(if kept.declared { " (" } else { " (the default " })
                .with("`")
                .with(kept.end)
                .with(if kept.declared { "_retention` of this handler)" } else { "_retention`)" })
                .with("\nnote: a request that comes again in between would be a new operation, and could act a second time")
                .with("\nhelp: keep the operations longer, with `")
                .with(kept.end)
                .with("_retention = …`; or, since `AtLeast` is a lower bound and a shorter one is true as well, write at most ")
                .with_duration(kept.span)
                .with(" there"),
        )
    }
}

/// How long operations with one end are kept.
struct Kept {
    end: &'static str,
    span: Duration,
    declared: bool,
}

impl Kept {
    const fn of(end: &'static str, declared: Option<Duration>, default: Duration) -> Self {
        match declared {
            Some(span) => Self { end, span, declared: true },
            None => Self { end, span: default, declared: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::rules::tests::{lives, refusal, with};
    use crate::provider::{AnyProvider, Square, Stripe, Unkeyed};

    const HOUR: Duration = Duration::from_secs(60 * 60);
    const BUDGET: Duration = Duration::from_secs(300);
    const TIMEOUT: Duration = Duration::from_secs(30);
    const TIMES: Times = Times { time_budget: BUDGET, attempt_timeout: TIMEOUT };

    #[test]
    fn only_keyed_effects_mind_the_lifetime() {
        let stripe = Rules::of::<Stripe>();
        assert_eq!(stripe.key_lifetime(Effect::Keyed), Some(24 * HOUR));
        for effect in [Effect::Read, Effect::Idempotent, Effect::Unsafe] {
            assert_eq!(stripe.key_lifetime(effect), None);
            Rules::of::<Unkeyed>().carry(effect, InDoubt::Retry, TIMES);
            Rules::of::<Square>().carry(effect, InDoubt::Retry, TIMES);
        }
    }

    #[test]
    fn nothing_is_asked_of_any_provider() {
        let any = Rules::of::<AnyProvider>();
        let endless = Times { time_budget: Duration::MAX, attempt_timeout: Duration::MAX };
        any.carry(Effect::Keyed, InDoubt::Retry, endless);
        assert_eq!(any.key_lifetime(Effect::Keyed), None);
    }

    #[test]
    fn a_key_must_outlive_the_last_attempt_where_calls_are_repeated() {
        let last_end = BUDGET + TIMEOUT;
        lives(last_end).carry(Effect::Keyed, InDoubt::Retry, TIMES);
        let short = lives(last_end - Duration::from_nanos(1));
        for in_doubt in [InDoubt::Park, InDoubt::Fail, InDoubt::Reconcile] {
            short.carry(Effect::Keyed, in_doubt, TIMES);
        }
        let text = refusal(move || short.carry(Effect::Keyed, InDoubt::Retry, TIMES));
        let figures = "`attempt_timeout` of 30s with the time budget of 5m makes 330s, \
                       and Stripe forgets keys after 329";
        assert!(text.starts_with(figures), "{text}");
    }

    #[test]
    fn a_longer_time_budget_needs_a_longer_memory() {
        let day = lives(24 * HOUR);
        let of = |time_budget| Times { time_budget, attempt_timeout: TIMEOUT };
        day.carry(Effect::Keyed, InDoubt::Retry, of(24 * HOUR - TIMEOUT));
        let text = refusal(move || day.carry(Effect::Keyed, InDoubt::Retry, of(24 * HOUR)));
        assert!(text.contains("the time budget of 24h makes 86430s"), "{text}");
    }

    #[test]
    fn an_operation_is_kept_as_long_as_its_key() {
        lives(DEFAULT_COMPLETED_RETENTION).outlived(Effect::Keyed, None, None);
        let long = lives(DEFAULT_COMPLETED_RETENTION + HOUR);
        long.outlived(Effect::Keyed, Some(DEFAULT_COMPLETED_RETENTION + HOUR), None);
        long.outlived(Effect::Read, None, None);
        let text = refusal(move || long.outlived(Effect::Keyed, None, None));
        let figures = "Stripe remembers keys for 169h (`KEY_LIFETIME` of its contract), and orch a \
                       completed operation for 7d (the default `completed_retention`)";
        assert!(text.starts_with(figures), "{text}");
    }

    #[test]
    fn what_a_handler_declares_counts_for_both_ends() {
        let day = lives(24 * HOUR);
        let kept =
            |completed, failed| refusal(move || day.outlived(Effect::Keyed, completed, failed));
        let text = kept(Some(HOUR), None);
        let figures = "a completed operation for 1h (`completed_retention` of this handler)";
        assert!(text.contains(figures) && text.contains("`completed_retention = …`"), "{text}");
        let text = kept(None, Some(HOUR));
        assert!(text.contains("a failed operation for 1h (`failed_retention` of"), "{text}");
        let long = lives(DEFAULT_FAILED_RETENTION + HOUR);
        let declared = Some(DEFAULT_FAILED_RETENTION + HOUR);
        let text = refusal(move || long.outlived(Effect::Keyed, declared, None));
        assert!(text.contains("a failed operation for 30d (the default `failed_"), "{text}");
        long.outlived(Effect::Keyed, declared, declared);
    }

    #[test]
    fn a_provider_that_says_nothing_carries_no_repetition() {
        let square = Rules::of::<Square>();
        for in_doubt in [InDoubt::Park, InDoubt::Fail, InDoubt::Reconcile] {
            square.carry(Effect::Keyed, in_doubt, TIMES);
        }
        let text = refusal(move || square.carry(Effect::Keyed, InDoubt::Retry, TIMES));
        assert!(text.starts_with("Square does not publish how long"), "{text}");
    }

    #[test]
    fn the_key_is_found_wherever_it_stands() {
        let stripe = Rules::of::<Stripe>();
        stripe.key_is_taken(&[true]);
        stripe.key_is_taken(&[false, true]);
        for offered in [&[][..], &[false, false]] {
            assert!(refusal(move || stripe.key_is_taken(offered)).contains("`Context`"));
        }
        Rules::of::<Unkeyed>().key_is_taken(&[]);
    }

    #[test]
    fn every_message_fits_with_the_longest_names() {
        const NAME: &str = "a provider with a name of fifty characters exactly";
        assert_eq!(NAME.len(), 50);
        for (lifetime, in_doubt, last) in [
            (KeyLifetime::NoKeys, InDoubt::Retry, "`\"unsafe\"`"),
            (KeyLifetime::Unpublished, InDoubt::Retry, "has confirmed"),
            (KeyLifetime::AtLeast(TIMEOUT), InDoubt::Retry, "`time_budget`"),
        ] {
            let rules = with(|rules| {
                rules.name = NAME;
                rules.lifetime = lifetime;
            });
            let text = refusal(move || rules.carry(Effect::Keyed, in_doubt, TIMES));
            assert!(text.contains(NAME) && text.ends_with(last), "{text}");
        }
        let odd = Duration::from_millis(u64::MAX / 2 - 1);
        let long = with(|rules| {
            rules.name = NAME;
            rules.lifetime = KeyLifetime::AtLeast(Duration::from_millis(u64::MAX));
        });
        let text = refusal(move || long.outlived(Effect::Keyed, Some(odd), None));
        assert!(text.contains(NAME) && text.ends_with(" there"), "{text}");
    }
}
