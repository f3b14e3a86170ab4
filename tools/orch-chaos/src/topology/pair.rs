use std::path::Path;
use std::time::Duration;

use orch_lab::plan::now_us;

use super::server::{Server, url};

/// A primary and its standby.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) primary: Server,
    pub(crate) standby: Server,
    synchronous: bool,
}

impl Pair {
    /// Starts both. With `synchronous`, commits wait for the standby.
    pub(crate) async fn start(folder: &Path, synchronous: bool) -> crate::Result<Self> {
        let primary = Server::start_new(folder, "one")?;
        let standby = Server::prepare(folder, "two")?;
        let pair = Self { primary, standby, synchronous };
        pair.attach().await?;
        Ok(pair)
    }

    /// A URL with both, in an order that does not change.
    pub(crate) fn url(&self, more: &str) -> String {
        let mut both = [&self.primary, &self.standby];
        both.sort_by_key(|server| server.port());
        url(&both, more)
    }

    /// Kills the primary, and promotes the standby after `noticed`. When that was requested, in
    /// microseconds since 1970.
    pub(crate) async fn fail_over(&mut self, noticed: Duration) -> crate::Result<i64> {
        self.primary.kill()?;
        tokio::time::sleep(noticed).await;
        let requested_at = now_us();
        self.standby.promote().await?;
        self.swap();
        Ok(requested_at)
    }

    /// What was the standby is the primary from now on.
    pub(crate) const fn swap(&mut self) {
        std::mem::swap(&mut self.primary, &mut self.standby);
    }

    /// Makes a new standby of the server that was killed.
    pub(crate) async fn rebuild(&self) -> crate::Result<()> {
        self.primary.until("SELECT NOT pg_is_in_recovery()").await?;
        self.standby.clear()?;
        self.attach().await
    }

    /// Returns when the standby has all that was acknowledged so far, and will have all that is
    /// acknowledged later if it is synchronous.
    async fn attach(&self) -> crate::Result<()> {
        self.standby.copy(&self.primary, true)?;
        self.standby.start()?;
        self.primary.await_standby().await?;
        if self.synchronous {
            // The copy has the settings of the server that it copies.
            self.standby.be_asynchronous().await?;
            self.primary.await_synchronous().await?;
        }
        Ok(())
    }
}
