use std::time::Duration;

use super::KeyAlphabet;

/// What a provider promises about idempotency keys: the contract that a handler is bound to with
/// `#[orchestrated(provider = …)]`.
///
/// A contract holds what the provider has published or confirmed to you. Where the provider says
/// nothing, it holds the more careful of the two readings: each default here is one.
///
/// ```
/// # use std::time::Duration;
/// # use orch_core::provider as orch;
/// use orch::{KeyLifetime, Provider};
///
/// /// The bank, as its integration guide of 2026 says in chapter 4.
/// #[derive(Debug)]
/// pub enum Bank {}
///
/// impl Provider for Bank {
///     const NAME: &'static str = "the bank";
///     const HEADER: &'static str = "X-Request-Id";
///     const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(Duration::from_secs(60 * 60));
///     const KEY_LENGTH: usize = 40;
/// }
/// ```
///
/// A handler is bound to it with `#[orchestrated(domain = "BANK", event = "TRANSFER", provider =
/// Bank)]` above `async fn transfer(cmd: Transfer, ctx: Context<Bank>, …)`; the page of
/// `orchestrated` shows all of it, under "Providers and effects".
///
/// `KEY_LIFETIME` has to reach to the end of the last call: where calls are repeated in doubt, at
/// least the handler's `time_budget` (5 m unless it says otherwise) plus its `attempt_timeout` (30 s
/// unless it says otherwise), so 330 s; and at most as long as the handler's operations are kept, so
/// 7 days unless it has a longer `completed_retention`. The compiler refuses what lies outside.
///
/// A change of `KEY_LENGTH` or `KEY_ALPHABET` can change how the keys of operations that are under
/// way are written, and a changed key is a new request to the provider: let them end first. The
/// same holds for naming a provider where one of these two differs. No other constant touches an
/// earlier key, `REPLAYS_ERRORS` included: each claim writes it into the operation's row, and it
/// counts for the attempt of that claim. All contracts of orch write keys alike, so a handler moves
/// from [`AnyProvider`](super::AnyProvider) to any of them, and back, with operations under way.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the contract of a provider",
    label = "this type does not implement `Provider`",
    note = "the contract says how long the provider remembers an idempotency key, and so when a call may be repeated",
    note = "name one that orch has, such as `orch::Stripe`, or write `impl orch::Provider for {Self}` with `NAME` and `KEY_LIFETIME`"
)]
pub trait Provider: 'static {
    /// How messages name it. 1 to 50 characters.
    const NAME: &'static str;

    /// How long a key is remembered.
    const KEY_LIFETIME: KeyLifetime;

    /// The header that takes the key.
    const HEADER: &'static str = "Idempotency-Key";

    /// The field of the request's body that takes the key, for a provider that reads no header.
    /// [`ProviderKey::header`](super::ProviderKey::header) does not compile then (with `cargo
    /// build`; `cargo check` does not see it): the provider would ignore the header, and so the key.
    const BODY_FIELD: Option<&'static str> = None;

    /// True if a repeated key gets the first answer even where that was an error. After a definite
    /// error the next attempt then has a key of the next generation, or it would only get the same
    /// error again. Once the end of an attempt was unknown the key no longer changes, even if it
    /// is known by now that nothing happened: that call may still arrive.
    const REPLAYS_ERRORS: bool = false;

    /// True if a repeated key with another body is refused, false if it gets the first answer.
    /// Every attempt has the same command; a deploy may change what the handler makes of it.
    /// Where this is true, treat that refusal as in doubt: the first call may have acted.
    const COMPARES_BODY: bool = false;

    /// The longest key, in characters.
    const KEY_LENGTH: usize = 255;

    /// The characters of a key.
    const KEY_ALPHABET: KeyAlphabet = KeyAlphabet::VISIBLE;
}

/// How long a provider remembers a key after its first use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyLifetime {
    /// Without a limit that an operation could reach.
    Unlimited,
    /// For this long, and perhaps longer. Beyond it a call is not repeated in doubt.
    ///
    /// It counts from the first call that may have acted. Where a call that was refused starts
    /// the provider's clock for its key as well, write a time shorter by your longest time budget.
    AtLeast(Duration),
    /// There are keys, but how long they are remembered is not published. A handler that repeats
    /// calls in doubt does not compile with it.
    Unpublished,
    /// The provider knows no keys.
    NoKeys,
}
