//! Tests with `start_paused`: the clock of tokio stands still and jumps to the next timer whenever its
//! runtime is idle, as it is while a provider or a database is waited for.

use std::io::Write;
use std::net::TcpListener;
use std::time::Instant;

use orch::prelude::*;
use orch::{Drained, Orchestrator};
use tempfile::TempDir;

/// How long the provider takes: a socket's time, which no test can pause.
const SLOW: Duration = Duration::from_millis(300);

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct Charge {
    #[command(idem_key)]
    order: i64,
}

#[derive(Debug, thiserror::Error, Outcome)]
#[outcome(in_doubt)]
#[error("no answer")]
struct NoAnswer(#[from] std::io::Error);

/// Which attempt it was that got the answer.
#[orchestrated(domain = "PAUSED", event = "CHARGE", attempt_timeout = "5s")]
async fn charge(_cmd: Charge, ctx: Context, provider: State<Provider>) -> Result<u32, NoAnswer> {
    provider.answer().await?;
    Ok(ctx.attempt())
}

/// A provider behind a socket.
#[derive(Clone, Copy)]
struct Provider(u16);

impl Provider {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for mut socket in listener.incoming().flatten() {
                std::thread::sleep(SLOW);
                let _ = socket.write_all(b"paid");
            }
        });
        Self(port)
    }

    async fn answer(self) -> std::io::Result<()> {
        let socket = tokio::net::TcpStream::connect(("127.0.0.1", self.0)).await?;
        socket.readable().await
    }
}

fn file() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("paused.db").display());
    (folder, url)
}

async fn attempts(desk: &Orchestrator, order: i64) -> Waited<u32> {
    let accepted = desk.accept(Charge { order }).await.unwrap();
    desk.wait(&accepted, Duration::from_secs(20)).await.unwrap()
}

async fn start(url: &str) -> Runtime {
    let runtime = Runtime::connect(url).only([("PAUSED", "CHARGE")]);
    runtime.state(Provider::start()).start().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_call_over_a_socket_does_not_run_into_its_timeout() {
    let runtime = start("memory:").await;
    assert_eq!(attempts(runtime.orchestrator(), 1).await, Waited::Ok(1));
}

#[tokio::test(start_paused = true)]
async fn on_sqlite_it_starts_accepts_waits_and_shuts_down() {
    let (_folder, url) = file();
    let (began, theirs) = (Instant::now(), tokio::time::Instant::now());
    let runtime = start(&url).await;
    assert_eq!(attempts(runtime.orchestrator(), 1).await, Waited::Ok(1));
    assert_eq!(runtime.shutdown().await, Drained { cancelled: 0, unstored: 0 });
    assert!(began.elapsed() >= SLOW && began.elapsed() < Duration::from_secs(20));
    assert_eq!(theirs.elapsed(), Duration::ZERO, "the test's own clock is left alone");
}

#[tokio::test(flavor = "current_thread")]
async fn a_clock_that_is_paused_later_cuts_no_wait_and_no_shutdown_short() {
    let runtime = start("memory:").await;
    let desk = runtime.orchestrator().clone();
    assert_eq!(attempts(&desk, 1).await, Waited::Ok(1));
    tokio::time::pause();
    assert_eq!(attempts(&desk, 2).await, Waited::Ok(1));
    let accepted = desk.accept(Charge { order: 3 }).await.unwrap();
    // A wait that is too short ends by itself, and not at once.
    let began = Instant::now();
    let short = SLOW / 3;
    let waited = desk.wait(&accepted, short).await.unwrap();
    assert!(matches!(waited, Waited::Pending(_)) && began.elapsed() >= short);
    // The drain waits for the call.
    assert_eq!(runtime.shutdown().await, Drained { cancelled: 0, unstored: 0 });
    let waited = desk.wait(&accepted, Duration::ZERO).await.unwrap();
    assert_eq!(waited, Waited::Ok(1));
}
