//! The parts of the way that touch no database, each alone: `cargo bench -p orch-bench`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench stops at what should not happen")]

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Instant;

use divan::{Bencher, black_box};
use orch::prelude::*;
use orch::{BizKey, HandledCommand, IdemKey, Kind, OpId, Owner, Payload, Timestamp};
use orch_core::handler::{Call, Registration, States};
use orch_core::metrics::{Became, MetersByKind};
use orch_core::policies::Backoff;
use orch_core::provider::ProviderKey;
use orch_core::store::Finalized;
use orch_core::words::{
    AttemptEnd, Envelope, Fence, FinalOutcome, Fingerprint, KeySeed, KeySource, Source,
};

fn main() {
    divan::main();
}

#[derive(Debug, Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
    amount: u64,
    currency: String,
}

#[orchestrated(domain = "BENCH", event = "PURE")]
async fn charge(command: Charge, _ctx: Context) -> Result<u64, Infallible> {
    Ok(command.amount)
}

fn command() -> Charge {
    Charge { order_id: 123, amount: 50_000, currency: "KRW".into() }
}

/// A list of so many entries of about 90 bytes.
fn list(entries: usize) -> Vec<(u64, String)> {
    (0..entries).map(|n| (n as u64, format!("entry {n:80}"))).collect()
}

#[divan::bench(args = [1, 10, u32::MAX])]
fn backoff(attempt: u32) -> Duration {
    Backoff::DEFAULT.delay(black_box(attempt), black_box(0.5))
}

#[divan::bench]
fn op_id() -> OpId {
    OpId::generate()
}

#[divan::bench]
fn provider_key(bencher: Bencher<'_, '_>) {
    let seed = Some(KeySeed::from_bytes([7; 16]));
    let source = KeySource { op_id: OpId::generate(), seed, redrive: 0, generation: 0 };
    bencher.bench(|| <ProviderKey>::text_of(black_box(source)));
}

#[divan::bench]
fn encode_a_charge(bencher: Bencher<'_, '_>) {
    let charge = command();
    bencher.bench(|| Payload::json_checked(black_box(&charge)).unwrap());
}

#[divan::bench(args = [1, 100, 10_000])]
fn encode_a_list(bencher: Bencher<'_, '_>, entries: usize) {
    let list = list(entries);
    bencher.bench(|| Payload::json(black_box(&list)).unwrap());
}

#[divan::bench(args = [1, 100, 10_000])]
fn fingerprint_of_a_list(bencher: Bencher<'_, '_>, entries: usize) {
    let payload = Payload::json(&list(entries)).unwrap();
    bencher.bench(|| Fingerprint::of(black_box(&payload)));
}

#[divan::bench]
fn decode_a_charge(bencher: Bencher<'_, '_>) {
    let payload = Payload::json(&command()).unwrap();
    bencher.bench(|| black_box(&payload).decode::<Charge>().unwrap());
}

/// The function by itself: what the next one is to be compared with.
#[divan::bench]
fn the_bare_function(bencher: Bencher<'_, '_>) {
    let context = call();
    bencher.bench_local(|| {
        let context = orch::internals::handler::FromCall::from_call(&context).unwrap();
        finish(charge(command(), context))
    });
}

/// Through what the macro registered: decode, take the arguments, run, encode the result.
#[divan::bench]
fn the_macro_path(bencher: Bencher<'_, '_>) {
    let registration = inventory_of(Charge::DOMAIN, Charge::EVENT);
    let call = call();
    bencher.bench_local(|| finish((registration.attempt)(black_box(&call)).unwrap()));
}

/// All that is counted of one operation, where no recorder is installed.
#[divan::bench]
fn the_meters_of_one_operation(bencher: Bencher<'_, '_>) {
    let by_kind = MetersByKind::default();
    let kind = Kind::new(Charge::DOMAIN, Charge::EVENT).unwrap();
    let output = Payload::json(&1).unwrap();
    let end = AttemptEnd::Outcome(orch_core::words::Outcome::Ok { output: output.clone() });
    let finished = Finalized::Finished(FinalOutcome::Ok(output));
    bencher.bench_local(|| {
        let meters = by_kind.of(black_box(&kind.domain), black_box(&kind.event_type));
        meters.accepted(black_box(Became::Created));
        let began = Instant::now();
        meters.ended(Source::Handler, black_box(&end), began.elapsed());
        meters.moved(black_box(&finished));
    });
}

fn inventory_of(domain: &str, event: &str) -> Registration {
    let ours = |registration: &&Registration| {
        registration.descriptor.domain == domain && registration.descriptor.event_type == event
    };
    *inventory::iter::<Registration>.into_iter().find(ours).unwrap()
}

fn call() -> Call {
    let command = orch_core::words::Command::of(
        Kind::new(Charge::DOMAIN, Charge::EVENT).unwrap(),
        BizKey::new("ORDER-123").unwrap(),
        IdemKey::new("key-1").unwrap(),
        Payload::json(&command()).unwrap(),
    );
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
        states: States::default(),
        ends_at: Instant::now() + Duration::from_secs(30),
        cancelled: tokio_util::sync::CancellationToken::new(),
    }
}

/// The result of a future that never waits.
fn finish<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("a handler that waits for nothing"),
    }
}
