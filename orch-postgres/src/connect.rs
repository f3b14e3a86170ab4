use std::time::Duration;

use orch_core::store::{StoreError, monotonic};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use crate::errors::store_error;
use crate::hosts::{Hosts, Place};

/// Connections of the engine, unless the URL says otherwise. The verbs of a worker that run at
/// the same time are accept, claim, settle and one of the upkeep.
pub const DEFAULT_CONNECTIONS: usize = 4;

/// A server that does not answer within this time is taken for away.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest wait for a server's answer to one statement, or to one transaction with a finalize
/// hook, unless the URL says otherwise. A connection may be half open, its server or the path to
/// it gone without a word: nothing else would ever end the wait.
pub const DEFAULT_ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest that a finalize hook may take: it holds a connection and the lock of its
/// operation. After that it counts as failed, and its statement is ended at the server.
pub const HOOK_LIMIT: Duration = Duration::from_secs(5);

/// A worker ends its own hooks after `HOOK_LIMIT`, unless it is frozen: a paused host would keep
/// the lock of the operation, and every other Finalizer waiting for it, for as long as it sleeps.
const FROZEN_MS: u128 = HOOK_LIMIT.as_millis() + 2_000;

/// The planner's settings for our statements. Each of them is a walk along an index from few
/// rows to few rows. A planner that has never seen the queue full would sort it, or scan it,
/// and keep that plan; with these it cannot. Planning once also saves a millisecond each time.
pub const PLANNER: [(&str, &str); 6] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("jit", "off"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// What the statements are written for, whatever the server's default is.
const ISOLATION: [(&str, &str); 1] = [("default_transaction_isolation", "read committed")];

/// How long the server goes on with a statement after its answer is not waited for any more. A
/// connection that is given up would otherwise leave a process of the server behind a lock.
const GIVEN_UP: Duration = Duration::from_secs(1);

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

const UNPOOLED: &str = "the database URL leads to a pooler that refuses a startup parameter; add \
orch_pooled=true to the URL, and orch sends none";

const CONTINUE_NEEDS_SYNC: &str = "orch_on_failover=continue takes a promoted standby for the same \
database, which only a synchronous one is; add orch_require_sync=true";

const WITHOUT_TLS: &str = "the database URL asks for TLS, which is not compiled in; add it beside \
orch, in your own Cargo.toml: sqlx = { version = \"0.9\", features = [\"tls-rustls\"] }";

/// What a URL says. Its parameters are documented at [`PostgresStore`](crate::PostgresStore).
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) hosts: Hosts,
    pub(crate) connections: usize,
    pub(crate) answer_timeout: Duration,
    pub(crate) pooled: bool,
    pub(crate) allow_unsafe: bool,
    pub(crate) require_sync: bool,
    /// True if a promoted standby is taken for the same database, without a confirmation.
    pub(crate) continues_on_failover: bool,
    /// True if the server ends statements whose answer is not waited for any more.
    ends_given_up: bool,
    /// True if the server would not wait for its disk unless told to.
    pub(crate) force_durable: bool,
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`StoreError::Fatal`]; the URL is never repeated, it may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self, StoreError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (ours, theirs): (Vec<&str>, Vec<&str>) =
            query.split('&').filter(|p| !p.is_empty()).partition(|p| p.starts_with("orch_"));
        let hosts = Hosts::parse(base, &theirs)?;
        let mut target = Self {
            hosts,
            connections: DEFAULT_CONNECTIONS,
            answer_timeout: DEFAULT_ANSWER_TIMEOUT,
            pooled: false,
            allow_unsafe: false,
            require_sync: false,
            continues_on_failover: false,
            ends_given_up: true,
            force_durable: false,
        };
        for parameter in ours {
            target.set(parameter)?;
        }
        if target.continues_on_failover && !target.require_sync {
            return Err(StoreError::fatal(CONTINUE_NEEDS_SYNC));
        }
        if target.pooled {
            // A pooler refuses a startup parameter that it does not know.
            target.hosts = target
                .hosts
                .map(|options| options.extra_float_digits(None).statement_cache_capacity(0));
        } else {
            // A limit in the URL is the user's own; one of the role or the database is not meant
            // for us.
            target.ends_given_up = !theirs.iter().any(|own| own.contains("statement_timeout"));
            let limit = target.statement_limit();
            target.hosts = target.hosts.map(|options| {
                let limit = limit.as_ref().map(|ms| ("statement_timeout", ms));
                options.options(PLANNER).options(ISOLATION).options(limit)
            });
        }
        Ok(target)
    }

    fn set(&mut self, parameter: &str) -> Result<(), StoreError> {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let flag = || match value {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(StoreError::fatal(format!("{name} is neither true nor false"))),
        };
        match name {
            "orch_pooled" => self.pooled = flag()?,
            "orch_allow_unsafe" => self.allow_unsafe = flag()?,
            "orch_require_sync" => self.require_sync = flag()?,
            "orch_on_failover" => {
                self.continues_on_failover = match value {
                    "continue" => true,
                    "confirm" => false,
                    _ => {
                        let rule = format!("{name} is neither confirm nor continue");
                        return Err(StoreError::fatal(rule));
                    }
                }
            }
            "orch_connections" => {
                self.connections =
                    value.parse().ok().filter(|n| (1..=1000).contains(n)).ok_or_else(|| {
                        StoreError::fatal(format!("{name} is not between 1 and 1000"))
                    })?;
            }
            "orch_answer_ms" => {
                let millis = value.parse().ok().filter(|ms| (100..=3_600_000).contains(ms));
                let rule = || StoreError::fatal(format!("{name} is not between 100 and 3600000"));
                self.answer_timeout = Duration::from_millis(millis.ok_or_else(rule)?);
            }
            _ => {
                return Err(StoreError::fatal(format!(
                    "{name} is unknown; known are orch_connections, orch_answer_ms, orch_pooled, \
                     orch_allow_unsafe, orch_require_sync, orch_on_failover"
                )));
            }
        }
        Ok(())
    }

    /// Opens a connection, to the server that takes writes where the URL names several.
    ///
    /// # Errors
    /// [`StoreError::Transient`] if the server is away, [`StoreError::Fatal`] if it refuses.
    pub(crate) async fn connect(&self) -> Result<(Place, PgConnection), StoreError> {
        match monotonic::timeout(CONNECT_TIMEOUT, self.hosts.connect()).await {
            Ok(connected) => connected,
            Err(_) => Err(StoreError::transient("the database server does not answer")),
        }
    }

    /// What begins a transaction of the engine's own statements, in one round trip.
    pub(crate) fn begin(&self) -> String {
        let settings = PLANNER.iter().map(|(name, value)| format!("; SET LOCAL {name} = {value}"));
        let limit = self.statement_limit();
        let limit = limit.map(|ms| format!("; SET LOCAL statement_timeout = {ms}"));
        let limit = limit.unwrap_or_default();
        format!("{BEGIN}{}{limit}{}", settings.collect::<String>(), self.durable())
    }

    /// In milliseconds, after which the server ends a statement of ours; `None` where the URL has
    /// a limit.
    fn statement_limit(&self) -> Option<String> {
        let limit = (self.answer_timeout + GIVEN_UP).as_millis();
        self.ends_given_up.then(|| limit.to_string())
    }

    fn durable(&self) -> &'static str {
        if self.force_durable { "; SET LOCAL synchronous_commit = on" } else { "" }
    }

    /// Waits for the server's disk at each commit, although the server's default is not to.
    pub(crate) fn force_durable(mut self) -> Self {
        self.force_durable = true;
        if !self.pooled {
            self.hosts = self.hosts.map(|options| options.options([("synchronous_commit", "on")]));
        }
        self
    }

    /// What begins a transaction with a user's statements in it: the planner as it comes, and a
    /// limit of the server's on a process that is frozen in the middle of it.
    pub(crate) fn begin_for_hook(&self) -> String {
        let settings = PLANNER.iter().map(|(name, _)| {
            let value = if *name == "plan_cache_mode" { "auto" } else { "on" };
            format!("; SET LOCAL {name} = {value}")
        });
        let frozen = format!("; SET LOCAL idle_in_transaction_session_timeout = {FROZEN_MS}");
        // Named statements of other clients of the pooler may be on this server: those of the
        // hook have the same names.
        let clean = if self.pooled { "; DEALLOCATE ALL" } else { "" };
        format!("{BEGIN}{}{frozen}{clean}{}", settings.collect::<String>(), self.durable())
    }
}

/// Opens a connection to one server.
///
/// # Errors
/// As [`Target::connect`].
pub(crate) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    match options.connect().await {
        // Said by sqlx in no other way. Waiting does not help, so it is no server that is away.
        Err(sqlx::Error::Tls(error)) if error.to_string().contains("without TLS") => {
            Err(StoreError::fatal(WITHOUT_TLS))
        }
        Err(error) if is_a_poolers(&error) => Err(StoreError::fatal(UNPOOLED)),
        connected => connected.map_err(store_error),
    }
}

/// pgbouncer's own words: code 08P01, which other servers give for other reasons.
fn is_a_poolers(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|said| {
        said.code().as_deref() == Some("08P01") && said.message().contains("startup parameter")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_parameters_are_taken_out_of_the_url() {
        let url = "postgres://me@host/db?orch_pooled=true&application_name=x&orch_connections=2";
        let target = Target::parse(url).unwrap();
        assert_eq!((target.connections, target.pooled, target.allow_unsafe), (2, true, false));
        assert_eq!(target.hosts.options(0).unwrap().get_application_name(), Some("x"));
    }

    #[test]
    fn a_mistake_is_named_but_the_url_is_not_repeated() {
        for wrong in [
            "orch_on_failover=continue",
            "orch_on_failover=x",
            "orch_pool=1",
            "orch_pooled=yes",
            "orch_connections=0",
            "orch_answer_ms=5",
        ] {
            let error = Target::parse(&format!("postgres://u:secret@h/d?{wrong}")).unwrap_err();
            let text = format!("{error:?}");
            assert!(text.contains("orch_") && !text.contains("secret"), "{text}");
        }
        let error = Target::parse("postgres://u:secret@h:port/d").unwrap_err();
        assert!(!format!("{error:?}").contains("secret"));
    }

    /// A start would wait for ever, for a server that is not away.
    #[tokio::test]
    async fn tls_that_is_not_compiled_in_is_no_server_that_is_away() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let target = Target::parse(&format!("postgres://u@127.0.0.1:{port}/d?sslmode=require"));
        let error = target.unwrap().connect().await.unwrap_err();
        assert!(!error.is_transient() && error.to_string().contains("tls-rustls"), "{error}");
    }
}
