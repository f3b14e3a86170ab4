//! What is asked of a server before anything is entrusted to it.

use orch_core::store::{StoreError, monotonic};
use sqlx::postgres::{PgConnection, PgRow};

use crate::column::column;
use crate::connect::Target;
use crate::errors::{no_answer, store_error};

/// The oldest major version that the statements run on.
const OLDEST_SERVER: i32 = 13;

/// One row. What a role may not see of other sessions and of standbys is not counted.
const LOOK: &str = "
    SELECT current_setting('server_version_num')::int / 10000 AS version,
           current_setting('server_version') AS release,
           current_setting('server_encoding') AS encoding,
           current_setting('fsync') = 'off' AS without_fsync,
           current_setting('full_page_writes') = 'off' AS without_full_page_writes,
           current_setting('synchronous_commit') AS synchronous_commit,
           current_setting('synchronous_standby_names') <> '' AS synchronous,
           (SELECT count(*) FROM pg_stat_replication WHERE application_name <> 'pg_basebackup')
               AS standbys,
           pg_is_in_recovery() AS standby,
           current_setting('transaction_read_only') = 'on' AS read_only,
           current_setting('plan_cache_mode') AS plan_cache_mode,
           current_schema() IS NULL AS without_schema,
           current_setting('max_connections')::int8
               - current_setting('superuser_reserved_connections')::int8
               - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
               AS connections_left";

/// What a look at the server has found.
#[derive(Debug, Default)]
struct Look {
    version: i32,
    release: String,
    encoding: String,
    without_fsync: bool,
    without_full_page_writes: bool,
    synchronous_commit: String,
    synchronous: bool,
    standbys: i64,
    standby: bool,
    read_only: bool,
    plan_cache_mode: String,
    without_schema: bool,
    connections_left: i64,
}

/// What follows from it: each finding says what is true and what to do.
#[derive(Debug, Default, PartialEq, Eq)]
struct Findings {
    /// The start ends: waiting would not help.
    refusals: Vec<String>,
    /// The start goes on, with a line in the log.
    warnings: Vec<String>,
    /// True if our own connections have to ask for durable commits.
    force_durable: bool,
}

/// Looks at the server. Refuses one that may lose or tear what it has committed, that cannot keep
/// what providers answer, or that is not what the URL says. One that does not wait for its disk by
/// default is told to, on the engine's own connections.
///
/// # Errors
/// [`StoreError::Fatal`], saying what to do; [`StoreError::Transient`] if the server is away, does
/// not answer, or is a standby that may be promoted.
pub(crate) async fn check(target: Target) -> Result<Target, StoreError> {
    let (_, mut connection) = target.connect().await?;
    let asked = ask(&mut connection);
    let answer = monotonic::timeout(target.answer_timeout, asked).await;
    let look = answer.map_err(|_| no_answer(target.answer_timeout))??;
    if look.standby {
        return Err(StoreError::transient(
            "the server is a standby and takes no writes until it is promoted; if it is not meant \
             to be, let the URL name the primary",
        ));
    }
    let findings = look.findings(&target);
    for warning in &findings.warnings {
        tracing::warn!("{warning}");
    }
    if !findings.refusals.is_empty() {
        return Err(StoreError::fatal(findings.refusals.join("; ")));
    }
    Ok(if findings.force_durable { target.force_durable() } else { target })
}

async fn ask(connection: &mut PgConnection) -> Result<Look, StoreError> {
    let row = sqlx::raw_sql(LOOK).fetch_one(connection).await.map_err(store_error)?;
    Look::decode(&row).map_err(StoreError::fatal)
}

impl Look {
    fn decode(row: &PgRow) -> Result<Self, String> {
        Ok(Self {
            version: column(row, "version")?,
            release: column(row, "release")?,
            encoding: column(row, "encoding")?,
            without_fsync: column(row, "without_fsync")?,
            without_full_page_writes: column(row, "without_full_page_writes")?,
            synchronous_commit: column(row, "synchronous_commit")?,
            synchronous: column(row, "synchronous")?,
            standbys: column(row, "standbys")?,
            standby: column(row, "standby")?,
            read_only: column(row, "read_only")?,
            plan_cache_mode: column(row, "plan_cache_mode")?,
            without_schema: column(row, "without_schema")?,
            connections_left: column(row, "connections_left")?,
        })
    }

    fn findings(&self, target: &Target) -> Findings {
        let mut findings = Findings::default();
        self.is_usable(target, &mut findings);
        self.keeps_what_it_commits(target, &mut findings);
        self.survives_a_fail_over(target, &mut findings);
        findings
    }

    fn is_usable(&self, target: &Target, findings: &mut Findings) {
        let mut refuse = |text: String| findings.refusals.push(text);
        let Self { version, release, encoding, .. } = self;
        if *version < OLDEST_SERVER {
            refuse(format!(
                "the server is Postgres {release}; the oldest that works is {OLDEST_SERVER}"
            ));
        }
        if encoding != "UTF8" {
            refuse(format!(
                "the database's encoding is {encoding}, and what a provider answers could not be \
                 stored; make a database with ENCODING 'UTF8' TEMPLATE template0"
            ));
        }
        if self.read_only {
            refuse(
                "the session is read-only by a setting of the server, the database or the role; \
                 reset default_transaction_read_only for the role that orch logs in with"
                    .to_owned(),
            );
        }
        if !target.pooled && self.plan_cache_mode != "force_generic_plan" {
            refuse(
                "the server does not have the settings that orch has sent, so there is a pooler in \
                 between that drops them; add orch_pooled=true to the URL"
                    .to_owned(),
            );
        }
        if self.without_schema {
            refuse(
                "no schema of the search path exists, or the role may not use it; grant USAGE and \
                 CREATE on one, or set search_path"
                    .to_owned(),
            );
        }
        let needed = i64::try_from(target.connections).unwrap_or(i64::MAX).saturating_add(2);
        if self.connections_left < needed {
            findings.warnings.push(format!(
                "the server has {} connections left, and orch uses up to {needed} in this process; \
                 raise max_connections, or lower orch_connections in the URL",
                self.connections_left.max(0)
            ));
        }
    }

    fn keeps_what_it_commits(&self, target: &Target, findings: &mut Findings) {
        for (name, is_off) in
            [("fsync", self.without_fsync), ("full_page_writes", self.without_full_page_writes)]
        {
            if is_off && !target.allow_unsafe {
                findings.refusals.push(format!(
                    "the server runs with {name} = off and may lose accepted operations in a crash; \
                     turn it on, or add orch_allow_unsafe=true to the URL where nothing matters"
                ));
            } else if is_off {
                findings.warnings.push(format!(
                    "the server runs with {name} = off: a crash may lose committed data"
                ));
            }
        }
        let lost = "operations accepted in the application's own transactions may be lost";
        match (self.synchronous_commit.as_str(), self.synchronous) {
            ("off", _) => {
                findings.force_durable = true;
                findings.warnings.push(format!(
                    "the server runs with synchronous_commit = off; orch turns it on for its own \
                     connections, but {lost} in a crash"
                ));
            }
            ("local", true) => {
                findings.force_durable = true;
                findings.warnings.push(format!(
                    "the server runs with synchronous_commit = local, beside a synchronous standby; \
                     orch turns it on for its own connections, but {lost} in a fail-over"
                ));
            }
            ("remote_write", true) => findings.warnings.push(
                "the server runs with synchronous_commit = remote_write: a fail-over to a standby \
                 whose host has crashed too may lose committed operations"
                    .to_owned(),
            ),
            _ => {}
        }
    }

    fn survives_a_fail_over(&self, target: &Target, findings: &mut Findings) {
        if self.synchronous {
            return;
        }
        if target.require_sync {
            findings.refusals.push(
                "orch_require_sync=true, and the server has no synchronous standby; set \
                 synchronous_standby_names, or take the parameter out of the URL"
                    .to_owned(),
            );
        } else if self.standbys > 0 {
            findings.warnings.push(format!(
                "{} standbys are attached and none of them is synchronous: a fail-over may lose \
                 acknowledged operations; set synchronous_standby_names",
                self.standbys
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(more: &str) -> Target {
        Target::parse(&format!("postgres://u@h/d?orch_connections=2{more}")).unwrap()
    }

    /// A server with nothing to say about.
    fn sound() -> Look {
        Look {
            version: 17,
            release: "17.2".into(),
            encoding: "UTF8".into(),
            synchronous_commit: "on".into(),
            plan_cache_mode: "force_generic_plan".into(),
            connections_left: 50,
            ..Look::default()
        }
    }

    /// The only refusal, or the only warning.
    fn found(look: Look, more: &str) -> String {
        let Findings { refusals, warnings, .. } = look.findings(&target(more));
        match (&refusals[..], &warnings[..]) {
            ([refusal], []) => format!("refused: {refusal}"),
            ([], [warning]) => format!("warned: {warning}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_sound_server_is_taken_without_a_word() {
        assert_eq!(sound().findings(&target("")), Findings::default());
        let pooled = Look { plan_cache_mode: "auto".into(), ..sound() };
        assert_eq!(pooled.findings(&target("&orch_pooled=true")), Findings::default());
    }

    #[test]
    fn each_finding_says_what_is_true_and_what_to_do() {
        for (look, more, expected) in [
            (Look { version: 12, ..sound() }, "", ["refused:", "the oldest that works is 13"]),
            (Look { encoding: "LATIN1".into(), ..sound() }, "", ["refused:", "ENCODING 'UTF8'"]),
            (
                Look { read_only: true, ..sound() },
                "",
                ["refused:", "default_transaction_read_only"],
            ),
            (Look { plan_cache_mode: "auto".into(), ..sound() }, "", ["refused:", "orch_pooled"]),
            (Look { without_schema: true, ..sound() }, "", ["refused:", "search_path"]),
            (Look { connections_left: 3, ..sound() }, "", ["warned:", "has 3 connections left"]),
            (Look { without_fsync: true, ..sound() }, "", ["refused:", "fsync = off"]),
            (
                Look { without_fsync: true, ..sound() },
                "&orch_allow_unsafe=true",
                ["warned:", "fsync = off"],
            ),
            (Look { synchronous_commit: "off".into(), ..sound() }, "", ["warned:", "= off"]),
            (
                Look { synchronous_commit: "local".into(), synchronous: true, ..sound() },
                "",
                ["warned:", "= local"],
            ),
            (
                Look { synchronous_commit: "remote_write".into(), synchronous: true, ..sound() },
                "",
                ["warned:", "remote_write"],
            ),
            (Look { standbys: 2, ..sound() }, "", ["warned:", "2 standbys"]),
            (sound(), "&orch_require_sync=true", ["refused:", "synchronous_standby_names"]),
        ] {
            let text = found(look, more);
            assert!(expected.iter().all(|part| text.contains(part)), "{expected:?}: {text}");
        }
    }

    #[test]
    fn where_the_default_is_not_durable_our_own_commits_are() {
        for (synchronous_commit, synchronous, forced) in [
            ("off", false, true),
            ("off", true, true),
            ("local", true, true),
            ("local", false, false),
            ("on", true, false),
            ("remote_apply", true, false),
        ] {
            let synchronous_commit = synchronous_commit.to_owned();
            let look = Look { synchronous_commit, synchronous, ..sound() };
            assert_eq!(look.findings(&target("")).force_durable, forced, "{look:?}");
        }
    }
}
