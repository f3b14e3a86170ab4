use orch::{Confirmation, Runtime};

use super::scenario::Scenario;

/// Says what has happened to the database, once clients have repeated their requests.
pub(crate) async fn confirm(scenario: Scenario, url: &str) -> crate::Result<()> {
    let confirmation = match scenario {
        Scenario::Restore => Confirmation::Restored,
        Scenario::Copy => Confirmation::Copied,
        Scenario::Sync | Scenario::Pooler => Confirmation::Moved,
        Scenario::Async | Scenario::AsyncUnsafe | Scenario::SplitBrain => Confirmation::FailedOver,
    };
    let runtime = Runtime::connect(url).without_worker().start().await?;
    let desk = runtime.orchestrator();
    let seen = desk.incarnation().await?;
    if !seen.confirmed {
        desk.confirm(&seen, confirmation, "the run", "it has done so itself").await?;
    }
    let _ = runtime.shutdown().await;
    Ok(())
}
