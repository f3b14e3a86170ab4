//! A handler that every test can run, and the calls to run it with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use orch::internals::handler::{Call, HandledCommand, Registration, States};
use orch::internals::policies::HandlerEnd;
use orch::internals::words::{AttemptEnd, Command, Envelope, Fence, OpId, Owner, Timestamp};

/// The registration of the handler that takes `C`.
pub(crate) fn registration<C: HandledCommand>() -> &'static Registration {
    registration_of(C::DOMAIN, C::EVENT)
}

/// The one registration under these names.
pub(crate) fn registration_of(domain: &str, event: &str) -> &'static Registration {
    let mut found = orch::__private::inventory::iter::<Registration>
        .into_iter()
        .filter(|r| (r.descriptor.domain, r.descriptor.event_type) == (domain, event));
    let first = found.next().expect("the handler is registered");
    assert!(found.next().is_none(), "it is registered once");
    first
}

/// A first attempt at this command.
pub(crate) fn call<C: HandledCommand>(command: &C, states: States) -> Call {
    let payload = command.to_payload().unwrap();
    call_with(
        Command::new(C::DOMAIN, C::EVENT, &command.biz_key(), "key-1", payload).unwrap(),
        states,
    )
}

/// A first attempt at whatever this is.
pub(crate) fn call_with(command: Command, states: States) -> Call {
    let mut envelope = Envelope::new(
        OpId::generate(),
        Owner::default(),
        command,
        Timestamp::from_micros(0),
        Timestamp::from_micros(1),
    );
    envelope.attempt = 1;
    envelope.fence = Fence::new(1);
    Call {
        envelope: Arc::new(envelope),
        states,
        ends_at: Instant::now() + Duration::from_secs(30),
        cancelled: tokio_util::sync::CancellationToken::new(),
    }
}

/// Runs the handler of `C` once, and keeps whether its end clears doubt.
pub(crate) async fn run_to_end<C: HandledCommand>(command: &C, states: States) -> HandlerEnd {
    (registration::<C>().attempt)(&call(command, states)).unwrap().await
}

/// Runs the handler of `C` once.
pub(crate) async fn run<C: HandledCommand>(command: &C, states: States) -> AttemptEnd {
    run_to_end(command, states).await.end
}
