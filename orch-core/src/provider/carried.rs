//! Which declarations of a handler a contract allows.

use std::time::Duration;

use super::rules::{Rules, refuse};
use super::{Keeps, KeyLifetime, KeyPlace, Repeat, Word};
use crate::policies::{Effect, InDoubt};
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
        if matches!((effect, self.repeat), (Effect::Keyed, Repeat::Acts)) {
            self.has_no_keys();
        }
        if !matches!(in_doubt, InDoubt::Retry) {
            return;
        }
        match self.doubt_about_repeats(effect) {
            Some(Doubt::ActsBehindErrors) => self.acts_behind_errors(),
            Some(Doubt::Refused) => self.refuses_repeats(),
            Some(Doubt::NoKeyOfOurs) => self.has_no_key_of_ours(),
            Some(Doubt::Silent) => self.is_silent(),
            Some(Doubt::SaysDone) => self.says_done(),
            None => {}
        }
        if let Some(lifetime) = self.key_lifetime(effect)
            && lifetime.as_nanos() < times.last_end().as_nanos()
        {
            self.forgets_too_early(lifetime, times);
        }
    }

    /// What follows doubt where the handler says nothing: another call where the contract carries it,
    /// and an operator where not.
    pub(crate) const fn in_doubt(&self, effect: Effect) -> InDoubt {
        match self.doubt_about_repeats(effect) {
            None => InDoubt::Retry,
            Some(_) => InDoubt::Park,
        }
    }

    /// Why a repeated call does not show whether an earlier one has acted. About a read nothing is to
    /// be settled, and what is unsafe is never repeated in doubt.
    const fn doubt_about_repeats(&self, effect: Effect) -> Option<Doubt> {
        match effect {
            Effect::Read | Effect::Unsafe => return None,
            Effect::Idempotent if Word::any_means_done(self.words) => return Some(Doubt::SaysDone),
            Effect::Idempotent => return None,
            Effect::Keyed => {}
        }
        match (self.repeat, self.place, self.lifetime) {
            (Repeat::Answers(Keeps::Successes), ..) => Some(Doubt::ActsBehindErrors),
            (Repeat::Refuses, ..) => Some(Doubt::Refused),
            (_, KeyPlace::Command, _) => Some(Doubt::NoKeyOfOurs),
            _ if Word::any_means_done(self.words) => Some(Doubt::SaysDone),
            (_, _, KeyLifetime::Unpublished) => Some(Doubt::Silent),
            _ => None,
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
        matches!(self.repeat, Repeat::Answers(Keeps::Everything))
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
        // A contract without keys has been refused for that, and a reference in the command is there.
        if !matches!((self.repeat, self.place), (Repeat::Acts, _) | (_, KeyPlace::Command)) {
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
    const fn acts_behind_errors(&self) -> ! {
        refuse(
            self.in_doubt_the_call_is_repeated()
                .with(self.name)
                .with(" keeps a key behind a success only (`REPEAT` of its contract is `Answers(Keeps::Successes)`)")
                .with("\nnote: behind a 5xx or an answer that broke off the first call may have acted, and the repeated one acts again")
                .with(REMEDY),
        )
    }

    #[track_caller]
    const fn refuses_repeats(&self) -> ! {
        refuse(
            self.in_doubt_the_call_is_repeated()
                .with(self.name)
                .with(" refuses a reference that it has seen (`REPEAT` of its contract is `Refuses`)")
                .with("\nnote: the refusal does not tell whether the first call has acted, so a paid order would end as FAILED")
                .with(REMEDY),
        )
    }

    #[track_caller]
    const fn has_no_key_of_ours(&self) -> ! {
        refuse(
            self.in_doubt_the_call_is_repeated()
                .with("at ")
                .with(self.name)
                .with(" the reference is in the command (`KEY_PLACE` of its contract is `Command`)")
                .with("\nnote: no key of orch's makes the repeated call the same call; what it does is the provider's to say, and no promise")
                .with(REMEDY),
        )
    }

    #[track_caller]
    const fn says_done(&self) -> ! {
        refuse(
            self.in_doubt_the_call_is_repeated()
                .with(self.name)
                .with(" answers a call that has succeeded with a refusal (a word of its contract means `Done`)")
                .with("\nnote: the repeated call would be refused because the first one has acted, and nobody would have its result")
                .with(REMEDY),
        )
    }

    const fn in_doubt_the_call_is_repeated(&self) -> Message {
        Message::EMPTY.with("in doubt this handler repeats the call, and ")
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
}

/// Why a repeated call does not show whether an earlier one has acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    ActsBehindErrors,
    Refused,
    NoKeyOfOurs,
    Silent,
    SaysDone,
}

const REMEDY: &str =
    "\nhelp: give `reconcile = …`, which asks the provider, or `in_doubt = \"park\"` or `\"fail\"`";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policies::Says;
    use crate::provider::catalogue::{Square, Stripe};
    use crate::provider::rules::tests::{lives, refusal, with};
    use crate::provider::{AnyProvider, Unkeyed};

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

    const DONE: &[Word] = &[Word::of_code("ALREADY_PAID", Says::Done)];

    fn keeps(keeps: Keeps) -> Rules {
        with(|rules| rules.repeat = Repeat::Answers(keeps))
    }

    /// Contracts at which a repeated call settles nothing, with what each is told.
    fn unsettled() -> [(Rules, &'static str); 6] {
        let repeats = "in doubt this handler repeats the call, and Stripe ";
        [
            (keeps(Keeps::Successes), repeats),
            (with(|rules| rules.repeat = Repeat::Refuses), repeats),
            (with(|rules| rules.words = DONE), repeats),
            (
                with(|rules| rules.place = KeyPlace::Command),
                "in doubt this handler repeats the call, and at",
            ),
            (
                with(|rules| rules.lifetime = KeyLifetime::Unpublished),
                "Stripe does not publish how",
            ),
            (Rules::of::<Square>(), "Square does not publish how long"),
        ]
    }

    #[test]
    fn where_a_repeated_call_settles_nothing_it_is_not_made() {
        for (rules, start) in unsettled() {
            for in_doubt in [InDoubt::Park, InDoubt::Fail, InDoubt::Reconcile] {
                rules.carry(Effect::Keyed, in_doubt, TIMES);
            }
            let text = refusal(move || rules.carry(Effect::Keyed, InDoubt::Retry, TIMES));
            assert!(text.starts_with(start), "{text}");
            assert!(
                text.contains("\nnote: ") && text.contains("\nhelp: give `reconcile"),
                "{text}"
            );
        }
    }

    #[test]
    fn what_follows_doubt_unless_it_is_said_is_what_the_contract_carries() {
        for (rules, _) in unsettled() {
            assert_eq!(rules.in_doubt(Effect::Keyed), InDoubt::Park);
            assert_eq!(rules.in_doubt(Effect::Read), InDoubt::Retry);
        }
        for rules in [
            Rules::of::<Stripe>(),
            Rules::of::<AnyProvider>(),
            keeps(Keeps::Effects),
            keeps(Keeps::Everything),
        ] {
            assert_eq!(rules.in_doubt(Effect::Keyed), InDoubt::Retry);
            rules.carry(Effect::Keyed, InDoubt::Retry, TIMES);
        }
    }

    #[test]
    fn a_word_for_done_asks_for_a_look_also_of_what_is_idempotent() {
        let rules = with(|rules| rules.words = DONE);
        assert_eq!(rules.in_doubt(Effect::Idempotent), InDoubt::Park);
        let text = refusal(move || rules.carry(Effect::Idempotent, InDoubt::Retry, TIMES));
        assert!(text.contains("a word of its contract means `Done`"), "{text}");
        rules.carry(Effect::Read, InDoubt::Retry, TIMES);
    }

    #[test]
    fn only_a_provider_that_keeps_everything_replays_errors() {
        assert!(keeps(Keeps::Everything).replays_errors());
        assert!(!keeps(Keeps::Effects).replays_errors());
        assert!(!keeps(Keeps::Successes).replays_errors());
        assert!(!with(|rules| rules.repeat = Repeat::Refuses).replays_errors());
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
        with(|rules| rules.place = KeyPlace::Command).key_is_taken(&[]);
    }

    #[test]
    fn every_message_fits_with_the_longest_names() {
        const NAME: &str = "a provider with a name of fifty characters exactly";
        assert_eq!(NAME.len(), 50);
        let long = |change: fn(&mut Rules)| {
            with(|rules| {
                rules.name = NAME;
                change(rules);
            })
        };
        for (rules, last) in [
            (long(|rules| rules.repeat = Repeat::Acts), "`\"unsafe\"`"),
            (long(|rules| rules.repeat = Repeat::Refuses), "`\"fail\"`"),
            (long(|rules| rules.repeat = Repeat::Answers(Keeps::Successes)), "`\"fail\"`"),
            (long(|rules| rules.place = KeyPlace::Command), "`\"fail\"`"),
            (long(|rules| rules.words = DONE), "`\"fail\"`"),
            (long(|rules| rules.lifetime = KeyLifetime::Unpublished), "has confirmed"),
            (long(|rules| rules.lifetime = KeyLifetime::AtLeast(TIMEOUT)), "`time_budget`"),
        ] {
            let text = refusal(move || rules.carry(Effect::Keyed, InDoubt::Retry, TIMES));
            assert!(text.contains(NAME) && text.ends_with(last), "{text}");
        }
    }
}
