use std::time::Duration;

use nix::sys::signal::Signal;
use orch_lab::plan::now_us;

use super::crew::Crew;
use super::judge::Evidence;
use super::operator;
use super::pair::Pair;
use super::server::Server;
use crate::database::run;

/// Workers of each of the two databases.
const WORKERS: u32 = 2;
/// How long the two are beside each other.
const BOTH: Duration = Duration::from_secs(4);
/// Load before that.
const BEFORE: Duration = Duration::from_secs(2);
/// Workers pause for so long before: what is accepted meanwhile is PENDING in both databases.
const BACKLOG: Duration = Duration::from_millis(700);
/// Clients send again what was acknowledged so long before.
const REPEATED: i64 = 10_000_000;

/// The old primary is not fenced: its workers and a client go on for a while after the promotion.
pub(crate) async fn split_brain(crew: &mut Crew) -> crate::Result<Evidence> {
    let mut pair = Pair::start(&crew.folder, false).await?;
    let old = pair.primary.url();
    crew.open(&old).await?;
    let its = crew.add_workers(WORKERS, &old)?;
    // This client finds the other server once the old one is gone.
    crew.add_clients([0], &pair.url(""))?;
    crew.release(1, 1)?;
    crew.until_resumed().await?;
    tokio::time::sleep(BEFORE).await;
    backlog(crew, &its, async { Ok(()) }).await?;
    let requested_at = now_us();
    pair.standby.promote().await?;
    pair.swap();
    pair.primary.until("SELECT NOT pg_is_in_recovery()").await?;
    crew.add_workers(WORKERS, &pair.primary.url())?;
    crew.add_clients([1], &pair.primary.url())?;
    crew.signal(&its, Signal::SIGCONT)?;
    tokio::time::sleep(BOTH).await;
    crew.signal(&its, Signal::SIGKILL)?;
    pair.standby.kill()?;
    crew.tell_of_a_loss(requested_at - REPEATED).await?;
    operator::confirm(crew.scenario, &pair.primary.url()).await?;
    crew.finish(&pair.primary.url(), Vec::new()).await
}

/// A copy of the live database gets workers, as a staging system that was made from it.
pub(crate) async fn copy(crew: &mut Crew) -> crate::Result<Evidence> {
    let server = Server::start_new(&crew.folder, "one")?;
    let live = server.url();
    let copied = live.replace("/postgres?", "/copy?");
    crew.open(&live).await?;
    let its = crew.add_workers(WORKERS, &live)?;
    crew.add_clients(Crew::lanes(), &live)?;
    crew.release(1, 1)?;
    crew.until_resumed().await?;
    tokio::time::sleep(BEFORE).await;
    backlog(crew, &its, dump(&server)).await?;
    let others = crew.add_workers(WORKERS, &copied)?;
    crew.signal(&its, Signal::SIGCONT)?;
    tokio::time::sleep(BOTH).await;
    operator::confirm(crew.scenario, &copied).await?;
    tokio::time::sleep(BOTH).await;
    crew.signal(&others, Signal::SIGKILL)?;
    crew.finish(&live, Vec::new()).await
}

/// Does this while workers pause and operations are accepted. They go on later.
pub(crate) async fn backlog(
    crew: &mut Crew,
    workers: &[u32],
    then: impl Future<Output = crate::Result<()>>,
) -> crate::Result<()> {
    crew.signal(workers, Signal::SIGSTOP)?;
    tokio::time::sleep(BACKLOG).await;
    then.await
}

async fn dump(server: &Server) -> crate::Result<()> {
    server.execute("CREATE DATABASE copy TEMPLATE template0").await?;
    let at = ["-h", "127.0.0.1", "-U", "postgres", "-p", &server.port().to_string()];
    let file = server.home().join("dump.sql");
    let mut dump = server.program("pg_dump");
    run(dump.args(at).arg("-f").arg(&file).arg("postgres"))?;
    let mut psql = server.program("psql");
    run(psql.args(at).args(["-q", "-v", "ON_ERROR_STOP=1", "-d", "copy", "-f"]).arg(&file))
}
