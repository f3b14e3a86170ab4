/// What a provider does with a call that repeats a key or a reference it has seen before.
///
/// It decides what may follow when the end of a call is unknown:
///
/// | `REPEAT` | `in_doubt = "retry"` | without `in_doubt` and `reconcile` |
/// |---|---|---|
/// | `Answers(Everything)`, `Answers(Effects)` | while the key is remembered | `"retry"`, if that is published |
/// | `Answers(Successes)` | does not compile | `"park"` |
/// | `Refuses` | does not compile | `"park"` |
/// | `Acts` | does not compile; nor does `effect = "keyed"` | an `effect` must be given |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Repeat {
    /// It answers as it did before, as far as it has kept that.
    Answers(Keeps),
    /// It refuses the second call, whether or not the first one has acted: "duplicate reference".
    /// Where the refusal can be told from other answers, it is a word of the contract,
    /// [`Says::Done`](crate::policies::Says::Done).
    Refuses,
    /// It acts again: it knows no keys.
    Acts,
}

/// What a provider keeps behind a key, and gives to a repeated call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Keeps {
    /// The first answer, errors included. A repeated call after a definite error gets that error
    /// again, so the next attempt has a key of the next generation. Once the end of an attempt was
    /// unknown the key no longer changes, even if it is known by now that nothing happened: that call
    /// may still arrive.
    Everything,
    /// Whatever has acted, however it was answered. A call that failed without an effect is made anew
    /// under the same key.
    Effects,
    /// Answers that said success, and nothing else. Behind a 5xx, or behind an answer that broke off,
    /// the call may have acted, and a repeated one acts again.
    Successes,
}
