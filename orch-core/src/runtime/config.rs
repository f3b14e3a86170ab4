use std::time::Duration;

use crate::policies::{
    DEFAULT_COMPLETED_RETENTION, DEFAULT_FAILED_RETENTION, MAX_RETENTION, MIN_RETENTION, Retention,
};
use crate::words::{DEFAULT_PAYLOAD_LIMIT, Invalid, KeyNamespace, WorkerId};

/// Handlers that run concurrently in one worker, and so the most that one claim takes.
pub const DEFAULT_CONCURRENCY: usize = 256;
/// How long a claim lasts unless renewed.
pub const DEFAULT_LEASE: Duration = Duration::from_secs(30);
/// The longest wait between two polls of an empty queue.
pub const DEFAULT_POLL_EVERY: Duration = Duration::from_millis(250);

/// The settings of a runtime. All have defaults; [`Config::validate`] names what is wrong.
///
/// ```
/// # use std::time::Duration;
/// # use orch_core::runtime::Config;
/// let config = Config::default().concurrency(16).lease(Duration::from_secs(10));
/// assert!(config.validate().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The worker's name, for logs and history. A random part is added, so names may be equal.
    /// Defaults to `worker`.
    pub worker_name: String,
    /// Handlers that run concurrently. More hides the latency of slow providers; it is also the
    /// most that one claim takes, and the most that one crash leaves in doubt. 1 to 10,000.
    /// Defaults to 256.
    pub concurrency: usize,
    /// How long a claim lasts unless renewed, which happens three times per lease. A shorter lease
    /// detects a dead worker sooner and costs more renewals. 100 ms to 1 h. Defaults to 30 s.
    pub lease: Duration,
    /// The longest wait between two polls of an empty queue. Notifications come sooner; this bounds
    /// the delay after a lost one. 1 ms to 60 s. Defaults to 250 ms.
    pub poll_every: Duration,
    /// Between two passes of the Reaper: a dead worker's operation is taken back within `lease`
    /// plus this. 1 ms to `lease`. Defaults to 1 s.
    pub reap_every: Duration,
    /// Between two passes of the Finalizer. 1 ms to 1 h. Defaults to 1 s.
    pub finalize_every: Duration,
    /// Between two passes of the Pruner. 1 ms to 1 day. Defaults to 60 s.
    pub prune_every: Duration,
    /// How long COMPLETED operations are kept, and with them the answers to repeated requests: those
    /// that this worker runs, of kinds whose handler does not say `completed_retention`. It is
    /// written into their rows, so no setting of another worker changes it. 1 s to 50 years.
    /// Defaults to 7 days.
    pub completed_retention: Duration,
    /// The same for FAILED operations and their dead letters. 1 s to 50 years. Defaults to 30 days.
    pub failed_retention: Duration,
    /// How long a shutdown waits for running handlers before it cancels them; those end in
    /// doubt. 0 to 1 h. Defaults to 25 s, a little less than the 30 s that orchestrators of
    /// containers give a process.
    pub drain_timeout: Duration,
    /// The largest payload, in bytes. 1 to 64 MiB. Defaults to 1 MiB.
    pub payload_limit: usize,
    /// The namespace of the provider keys of new operations, where they are to outlive the
    /// database: set up again after a loss, it then gives a repeated request the key of the first
    /// one. Every process must have the same. Defaults to the database's own.
    pub key_namespace: Option<KeyNamespace>,
    /// How long `accept` retries while the database does not answer, before it returns the
    /// error. 0 to 1 h. Defaults to 10 s.
    pub accept_patience: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            worker_name: "worker".into(),
            concurrency: DEFAULT_CONCURRENCY,
            lease: DEFAULT_LEASE,
            poll_every: DEFAULT_POLL_EVERY,
            reap_every: Duration::from_secs(1),
            finalize_every: Duration::from_secs(1),
            prune_every: Duration::from_secs(60),
            completed_retention: DEFAULT_COMPLETED_RETENTION,
            failed_retention: DEFAULT_FAILED_RETENTION,
            drain_timeout: Duration::from_secs(25),
            payload_limit: DEFAULT_PAYLOAD_LIMIT,
            key_namespace: None,
            accept_patience: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// Sets [`Config::worker_name`](struct.Config.html#structfield.worker_name).
    #[must_use]
    pub fn worker_name(mut self, worker_name: impl Into<String>) -> Self {
        self.worker_name = worker_name.into();
        self
    }

    /// Sets [`Config::key_namespace`](struct.Config.html#structfield.key_namespace).
    #[must_use]
    pub const fn key_namespace(mut self, key_namespace: KeyNamespace) -> Self {
        self.key_namespace = Some(key_namespace);
        self
    }
}

/// One method per other setting, named after it.
macro_rules! setters {
    ($($setting:ident: $Type:ty,)+) => {
        impl Config {
            $(
                #[doc = concat!(
                    "Sets [`Config::", stringify!($setting),
                    "`](struct.Config.html#structfield.", stringify!($setting), ")."
                )]
                #[must_use]
                pub const fn $setting(mut self, $setting: $Type) -> Self {
                    self.$setting = $setting;
                    self
                }
            )+
        }
    };
}

setters! {
    concurrency: usize,
    lease: Duration,
    poll_every: Duration,
    reap_every: Duration,
    finalize_every: Duration,
    prune_every: Duration,
    completed_retention: Duration,
    failed_retention: Duration,
    drain_timeout: Duration,
    payload_limit: usize,
    accept_patience: Duration,
}

impl Config {
    /// Checks every setting against its bounds.
    ///
    /// # Errors
    /// [`Invalid`], naming the field, the value and the bounds.
    pub fn validate(&self) -> Result<(), Invalid> {
        const MS: Duration = Duration::from_millis(1);
        const HOUR: Duration = Duration::from_secs(60 * 60);
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        const SECOND: Duration = Duration::from_secs(1);

        WorkerId::generate(&self.worker_name)?;
        let count = |field, given: usize, max| {
            Invalid::check_count(field, u64::try_from(given).unwrap_or(u64::MAX), 1, max)
        };
        count("concurrency", self.concurrency, 10_000)?;
        count("payload_limit", self.payload_limit, 64 * 1024 * 1024)?;
        for (field, given, min, max) in [
            ("lease", self.lease, 100 * MS, HOUR),
            ("poll_every", self.poll_every, MS, 60 * SECOND),
            ("reap_every", self.reap_every, MS, self.lease),
            ("finalize_every", self.finalize_every, MS, HOUR),
            ("prune_every", self.prune_every, MS, DAY),
            ("completed_retention", self.completed_retention, MIN_RETENTION, MAX_RETENTION),
            ("failed_retention", self.failed_retention, MIN_RETENTION, MAX_RETENTION),
            ("drain_timeout", self.drain_timeout, Duration::ZERO, HOUR),
            ("accept_patience", self.accept_patience, Duration::ZERO, HOUR),
        ] {
            Invalid::check_duration(field, given, min, max)?;
        }
        Ok(())
    }

    /// How long operations are kept whose handler does not say.
    pub(super) const fn retention(&self) -> Retention {
        Retention::new(self.completed_retention, self.failed_retention)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Config::default().validate(), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_bounds() {
        let wrong = [
            (Config::default().concurrency(0), "concurrency is 0"),
            (Config::default().concurrency(10_001), "between 1 and 10000"),
            (Config::default().lease(Duration::ZERO), "lease is 0ns"),
            (Config::default().lease(Duration::MAX), "lease is"),
            (Config::default().worker_name(" "), "worker name is blank"),
            (Config::default().payload_limit(usize::MAX), "payload_limit"),
            (Config::default().completed_retention(Duration::ZERO), "completed_retention is 0ns"),
            (Config::default().failed_retention(Duration::MAX), "failed_retention is"),
        ];
        for (config, text) in wrong {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn a_reaper_slower_than_the_lease_is_a_contradiction() {
        let lease = Duration::from_millis(500);
        let config = Config::default().lease(lease).reap_every(Duration::from_secs(1));
        let error = config.validate().unwrap_err().to_string();
        assert_eq!(error, "reap_every is 1s; it must lie between 1ms and 500ms");
    }
}
