use std::time::Duration;

use nix::sys::signal::Signal;

use super::crew::Crew;
use super::judge::Evidence;
use super::operator;
use super::server::Server;
use super::twice::backlog;

/// Worker processes.
const WORKERS: u32 = 4;
/// Load before the copy is made.
const BEFORE: Duration = Duration::from_secs(2);
/// Load that the copy does not have. What is PENDING in it is past its time budget afterwards.
const LOST: Duration = Duration::from_secs(5);
/// Time in which a worker that may not claim would claim, before the operator says that it may.
const BEFORE_THE_OPERATOR: Duration = Duration::from_secs(2);

/// A copy is made while operations wait, and later takes the place of the server.
pub(crate) async fn run(crew: &mut Crew) -> crate::Result<Evidence> {
    let server = Server::start_new(&crew.folder, "one")?;
    let mut copied = Server::prepare(&crew.folder, "two")?;
    crew.open(&server.url()).await?;
    let workers = crew.add_workers(WORKERS, &server.url())?;
    crew.add_clients(Crew::lanes(), &server.url())?;
    crew.release(1, 1)?;
    crew.until_resumed().await?;
    tokio::time::sleep(BEFORE).await;
    backlog(crew, &workers, async { copied.copy(&server, false) }).await?;
    crew.signal(&workers, Signal::SIGCONT)?;
    tokio::time::sleep(LOST).await;
    server.kill()?;
    copied.take_place_of(&server);
    copied.to_be_restored()?;
    copied.start()?;
    copied.until("SELECT NOT pg_is_in_recovery()").await?;
    tokio::time::sleep(BEFORE_THE_OPERATOR).await;
    crew.tell_of_a_loss(0).await?;
    operator::confirm(crew.scenario, &copied.url()).await?;
    crew.finish(&copied.url(), Vec::new()).await
}
