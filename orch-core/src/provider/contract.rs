use std::time::Duration;

use super::{Keeps, KeyForm, KeyPlace, Published, Repeat, Word};

/// What a provider promises about idempotency keys: the contract that a handler is bound to with
/// `#[orchestrated(provider = …)]`.
///
/// A contract holds what the provider has published or confirmed to you. Where the provider says
/// nothing, it holds the more careful of the two readings: each default here is one.
///
/// ```
/// # use std::time::Duration;
/// # use orch_core::provider as orch;
/// # use orch_core::policies::Says;
/// use orch::{Keeps, KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat, Word};
///
/// /// The bank, as its integration guide of 2026 says in chapter 4.
/// #[derive(Debug)]
/// pub enum Bank {}
///
/// impl Provider for Bank {
///     const NAME: &'static str = "the bank";
///     const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
///     const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(Duration::from_secs(60 * 60));
///     const KEY_PLACE: KeyPlace = KeyPlace::Header("X-Request-Id");
///     const KEY_FORM: KeyForm = KeyForm::up_to(40);
///     const WORDS: &'static [Word] = &[Word::of_status(423, Says::StillRunning)];
///     const PUBLISHED: Option<Published> =
///         Some(Published::new("integration guide 2026, chapter 4", (2026, 11, 28)));
/// }
/// ```
///
/// A handler is bound to it with `#[orchestrated(domain = "BANK", event = "TRANSFER", provider =
/// Bank)]` above `async fn transfer(cmd: Transfer, ctx: Context<Bank>, …)`; the page of
/// `orchestrated` shows all of it, under "Providers and effects".
///
/// Where calls are repeated in doubt, `KEY_LIFETIME` has to reach to the end of the last call: at least
/// the handler's `time_budget` (5 m unless it says otherwise) plus its `attempt_timeout` (30 s unless
/// it says otherwise), so 330 s. The compiler refuses a shorter one.
///
/// A change of `KEY_FORM` can change how the keys of operations that are under way are written, and a
/// changed key is a new request to the provider: let them end first. The same holds for naming a
/// provider where the form differs. No other constant touches an earlier key, `REPEAT` included: each
/// claim writes into the operation's row whether errors are replayed, and that counts for the attempt
/// of that claim. Contracts whose keys are texts with room for a UUID write them alike, so a handler
/// moves from [`AnyProvider`](super::AnyProvider) to any of those, and back, with operations under way.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the contract of a provider",
    label = "this type does not implement `Provider`",
    note = "the contract says how long the provider remembers an idempotency key, and so when a call may be repeated",
    note = "name one of `orch::providers`, such as `orch::Stripe`, or write `impl orch::Provider for {Self}` with `NAME`, `REPEAT` and `KEY_LIFETIME`"
)]
pub trait Provider: 'static {
    /// How messages name it. 1 to 50 characters.
    const NAME: &'static str;

    /// What a call does that repeats a key or a reference.
    const REPEAT: Repeat = Repeat::Answers(Keeps::Successes);

    /// How long a key is remembered. Of no account where [`REPEAT`](Self::REPEAT) is
    /// [`Acts`](Repeat::Acts).
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unpublished;

    /// Where a request carries the key. For a place that is no header,
    /// [`ProviderKey::header`](super::ProviderKey::header) does not compile (with `cargo build`; `cargo
    /// check` does not see it): the provider would ignore the header, and so the key.
    const KEY_PLACE: KeyPlace = KeyPlace::Header("Idempotency-Key");

    /// What a key looks like.
    const KEY_FORM: KeyForm = KeyForm::ANY;

    /// The provider's own answers that mean something else than their status says.
    /// `HttpOutcome::of` looks here first. A contract that says nothing of an answer leaves it to the
    /// table of statuses.
    const WORDS: &'static [Word] = &[];

    /// Where all this stands, and when it was read.
    const PUBLISHED: Option<Published> = None;
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
}
