use std::any::type_name;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::HandledCommand;
use crate::policies::DEFAULT_ATTEMPT_TIMEOUT;
use crate::provider::{AnyProvider, Provider, ProviderKey};
use crate::store::{Clock, StateNeed, States, SystemClock, monotonic};
use crate::words::{
    BizKey, Command, Envelope, Fence, IdemKey, Invalid, KeySource, Kind, OpId, Owner, Timestamp,
};

/// One call of a handler or reconcile function: what it is given.
#[derive(Debug, Clone)]
pub struct Call {
    /// The claimed command.
    pub envelope: Arc<Envelope>,
    /// The values of `Runtime::state`.
    pub states: States,
    /// When the attempt is cut off.
    pub ends_at: Instant,
    /// Cancelled when the worker shuts down and the drain is over, or loses its lease.
    pub cancelled: CancellationToken,
}

/// A claimed operation whose handler was not run; no attempt is counted.
/// [`ReleaseReason`](crate::machine::ReleaseReason) says what follows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unrunnable {
    /// What is wrong, without the content.
    pub reason: String,
}

/// What a handler can read about its attempt. The second argument of an orchestrated function.
///
/// `P` is the handler's `provider`: `Context<Stripe>` with `provider = Stripe`, and plain
/// `Context` where none is named.
pub struct Context<P = AnyProvider> {
    call: Call,
    /// Made when it is asked for: a handler without a provider does not pay for it.
    provider_key: OnceLock<ProviderKey<P>>,
    make_key: fn(KeySource) -> ProviderKey<P>,
}

impl<P: Provider> Context<P> {
    fn of(call: Call) -> Self {
        Self { call, provider_key: OnceLock::new(), make_key: ProviderKey::of }
    }

    /// The first attempt of a new operation that no store knows, with 30 seconds left: to call a
    /// handler in a unit test. `P` is what that handler takes; where nothing says so, write
    /// `<Context>::for_test(…)`.
    ///
    /// ```
    /// # use orch_core::handler::{Context, HandledCommand, KeyFromCaller, TypedCommand};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Charge { order_id: u64 }
    /// # impl TypedCommand for Charge {
    /// #     const IDEM_IGNORE: &'static [&'static str] = &[];
    /// #     type Key = KeyFromCaller;
    /// #     fn biz_key(&self) -> String { format!("ORDER-{}", self.order_id) }
    /// #     fn idem_key(&self) -> Option<String> { None }
    /// # }
    /// # impl HandledCommand for Charge {
    /// #     const DOMAIN: &'static str = "PAYMENT";
    /// #     const EVENT: &'static str = "CHARGE";
    /// #     type Output = ();
    /// # }
    /// let command = Charge { order_id: 1 };
    /// let ctx = <Context>::for_test(&command)?;
    /// assert_eq!((ctx.attempt(), ctx.biz_key()), (1, "ORDER-1"));
    /// // charge(command, ctx, State::new(gateway)).await
    /// # Ok::<_, orch_core::words::Invalid>(())
    /// ```
    ///
    /// # Errors
    /// [`Invalid`] if the command's keys could not be accepted.
    pub fn for_test<C: HandledCommand>(command: &C) -> Result<Self, Invalid> {
        let payload = command.to_stored()?;
        let idem_key = command.idem_key().unwrap_or_else(|| "test".to_owned());
        let accepted_at = SystemClock.now();
        let envelope = Envelope {
            op_id: OpId::generate(),
            owner: Owner::default(),
            command: Command::of(
                Kind::new(C::DOMAIN, C::EVENT)?,
                BizKey::new(command.biz_key())?,
                IdemKey::new(idem_key)?,
                payload,
            ),
            accepted_at,
            deadline: accepted_at.plus(C::TIME_BUDGET),
            attempt: 1,
            fence: Fence::new(1),
            key_generation: 0,
            redrive: 0,
            key_seed: None,
        };
        let call = Call {
            envelope: Arc::new(envelope),
            states: States::default(),
            ends_at: monotonic::now() + DEFAULT_ATTEMPT_TIMEOUT,
            cancelled: CancellationToken::new(),
        };
        Ok(Self::of(call))
    }
}

impl<P> Context<P> {
    /// The key for the provider's idempotency header: the same in every attempt, unless the
    /// provider replays errors and the last attempt ended with one.
    #[must_use]
    pub fn provider_key(&self) -> &ProviderKey<P> {
        self.provider_key.get_or_init(|| (self.make_key)(self.call.envelope.key_source()))
    }

    /// The operation.
    #[must_use]
    pub fn op_id(&self) -> OpId {
        self.call.envelope.op_id
    }

    /// The number of this attempt, from 1. One that used up no attempt, since the provider was still
    /// running, is followed by one with the same number.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.call.envelope.attempt
    }

    /// Whose operation it is.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.call.envelope.owner
    }

    /// Domain and event type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.call.envelope.command.kind()
    }

    /// The entity acted on.
    #[must_use]
    pub fn biz_key(&self) -> &str {
        self.call.envelope.command.biz_key().as_str()
    }

    /// When the operation was accepted, by the store's clock.
    #[must_use]
    pub fn accepted_at(&self) -> Timestamp {
        self.call.envelope.accepted_at
    }

    /// When the operation's time budget ends, by the store's clock.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.call.envelope.deadline
    }

    /// How long this attempt may still run before it ends in doubt. Give your client a shorter
    /// timeout than this.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.call.ends_at.saturating_duration_since(monotonic::now())
    }

    /// Resolves when the attempt is cancelled: the lease is lost, or the drain timeout of the
    /// worker has passed. The future of the handler is dropped then; blocking code may poll
    /// [`Context::is_cancelled`].
    pub async fn cancelled(&self) {
        self.call.cancelled.cancelled().await;
    }

    /// True once [`Context::cancelled`] resolves.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.call.cancelled.is_cancelled()
    }
}

// By hand: a derive would ask the same of `P`, which is only a name.
impl<P> Clone for Context<P> {
    fn clone(&self) -> Self {
        let Self { call, provider_key, make_key } = self;
        Self { call: call.clone(), provider_key: provider_key.clone(), make_key: *make_key }
    }
}

impl<P> fmt::Debug for Context<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("call", &self.call)
            .field("provider_key", self.provider_key())
            .finish()
    }
}

/// A value given to `Runtime::state`, shared by all attempts. `State<T>` as an argument of a handler,
/// its reconcile function or its finalize hook takes it; if one is missing, the runtime does not
/// start.
///
/// A `T` without a size, such as `dyn Trait`, is refused where the handler is compiled: take
/// `State<Arc<dyn Trait>>`.
pub struct State<T: ?Sized>(Arc<T>);

impl<T> State<T> {
    /// Wraps a value, to call a handler in a unit test.
    pub fn new(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T: ?Sized> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: ?Sized> fmt::Debug for State<T> {
    /// Prints the type only: a client may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State<{}>", type_name::<T>())
    }
}

/// An argument of a finalize hook after the outcome and the envelope: [`State`].
pub trait FromStates: Sized + 'static {
    /// Takes the argument out of the states.
    ///
    /// # Errors
    /// [`Unrunnable`] if it is not there; the runtime refuses to start before that.
    fn from_states(states: &States) -> Result<Self, Unrunnable>;

    /// The state that must be given to the runtime for this argument.
    #[must_use]
    fn need() -> StateNeed;
}

impl<T: 'static> FromStates for State<T> {
    fn from_states(states: &States) -> Result<Self, Unrunnable> {
        states.get().map(Self).ok_or_else(|| Unrunnable {
            reason: format!("no state of type {} was given to the runtime", type_name::<T>()),
        })
    }

    fn need() -> StateNeed {
        StateNeed::of::<T>()
    }
}

/// An argument of a handler after the command: [`Context`] or [`State`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of an orchestrated function",
    label = "neither `Context` nor `State<T>`",
    note = "orch calls the function itself, in another process perhaps, so it must know where each argument comes from",
    note = "write `async fn name(cmd: YourCommand, ctx: Context, thing: State<Thing>)` and give the thing to the runtime with `.state(thing)`"
)]
pub trait FromCall: Sized + 'static {
    /// The provider that it is made for, or [`EveryProvider`].
    type For;
    /// Whether the provider key comes with it.
    const HAS_KEY: bool = false;

    /// Takes the argument out of the call.
    ///
    /// # Errors
    /// [`Unrunnable`] if it is not there; the runtime refuses to start before that.
    fn from_call(call: &Call) -> Result<Self, Unrunnable>;

    /// The state that must be given to the runtime for this argument.
    #[must_use]
    fn need() -> Option<StateNeed> {
        None
    }
}

impl<P: Provider> FromCall for Context<P> {
    type For = P;
    const HAS_KEY: bool = true;

    fn from_call(call: &Call) -> Result<Self, Unrunnable> {
        Ok(Self::of(call.clone()))
    }
}

impl<T: 'static> FromCall for State<T> {
    type For = EveryProvider;

    fn from_call(call: &Call) -> Result<Self, Unrunnable> {
        Self::from_states(&call.states)
    }

    fn need() -> Option<StateNeed> {
        Some(<Self as FromStates>::need())
    }
}

/// An argument that is the same for all providers.
#[derive(Debug, Clone, Copy)]
pub enum EveryProvider {}

/// Says that an argument is made for a handler of the provider `P`.
#[diagnostic::on_unimplemented(
    message = "this context is made for `{Self}`, and its handler for `{P}`",
    label = "the context of another provider",
    note = "the key in it follows the provider's contract: what it looks like, how long it is remembered, when it changes",
    note = "write `Context<{P}>` here, or `provider = {Self}` in `#[orchestrated(…)]`; `Context` alone is `Context<orch::AnyProvider>`"
)]
pub trait ForProvider<P> {}

#[diagnostic::do_not_recommend]
impl<P: Provider> ForProvider<P> for P {}

#[diagnostic::do_not_recommend]
impl<P: Provider> ForProvider<P> for EveryProvider {}
