use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use crate::database::{Programs, run};

/// How often a server is asked for something that is about to come.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A throw-away server with default durability. Killed and removed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    programs: Programs,
    home: PathBuf,
    port: u16,
}

impl Server {
    /// Prepares and starts a new one in this folder.
    pub(crate) fn start_new(folder: &Path, name: &str) -> crate::Result<Self> {
        let server = Self::prepare(folder, name)?;
        let mut init = server.programs.program("initdb");
        run(init.args(["-A", "trust", "-E", "UTF8", "-U", "postgres", "-D"]).arg(server.data()))?;
        let file = server.data().join("postgresql.conf");
        let settings = "max_connections = 300\nwal_keep_size = 1GB\n";
        std::fs::write(&file, std::fs::read_to_string(&file)? + settings)?;
        server.start()?;
        Ok(server)
    }

    /// A folder and a port, and no data yet.
    pub(crate) fn prepare(folder: &Path, name: &str) -> crate::Result<Self> {
        let home = folder.join(name);
        std::fs::create_dir(&home)?;
        let port = free_port()?;
        let programs = Programs::find()?;
        programs.give(folder, &home)?;
        Ok(Self { programs, home, port })
    }

    /// Copies a running server; with `follows`, to be its standby.
    pub(crate) fn copy(&self, from: &Self, follows: bool) -> crate::Result<()> {
        let mut copy = self.programs.program("pg_basebackup");
        copy.args(["-h", "127.0.0.1", "-U", "postgres", "-X", "stream", "-c", "fast", "--no-sync"]);
        copy.arg("-p").arg(from.port.to_string()).arg("-D").arg(self.data());
        if follows {
            copy.arg("-R");
        }
        run(&mut copy)
    }

    /// Takes another server's place: its port.
    pub(crate) const fn take_place_of(&mut self, other: &Self) {
        self.port = other.port;
    }

    /// Makes the start recover from what is there, and then begin a new timeline, as the restore
    /// of a back-up does.
    pub(crate) fn to_be_restored(&self) -> crate::Result<()> {
        let data = self.data();
        let file = data.join("postgresql.auto.conf");
        let settings = "restore_command = '/bin/false'\n";
        std::fs::write(&file, std::fs::read_to_string(&file)? + settings)?;
        Ok(std::fs::write(data.join("recovery.signal"), "")?)
    }

    /// Returns when it takes connections.
    pub(crate) fn start(&self) -> crate::Result<()> {
        // On the command line, so that a copy does not have them. No socket: a server that was
        // killed leaves the file that locks it.
        let port = self.port;
        let own = format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=");
        let mut command = self.programs.program("pg_ctl");
        command.arg("-D").arg(self.data()).arg("-l").arg(self.home.join("log"));
        run(command.args(["-w", "-o", &own, "start"]))
    }

    /// SIGKILL for the server and all its processes.
    pub(crate) fn kill(&self) -> crate::Result<()> {
        let file = self.data().join("postmaster.pid");
        let pid = std::fs::read_to_string(&file)?;
        let postmaster: i32 = pid.lines().next().unwrap_or_default().trim().parse()?;
        // The number may be another process's by now, if this one ended without a word.
        let command = std::fs::read_to_string(format!("/proc/{postmaster}/cmdline"))?;
        if !command.contains(&*self.data().to_string_lossy()) {
            return Err("the server has ended by itself".into());
        }
        let children = children_of(postmaster)?;
        for pid in std::iter::once(postmaster).chain(children) {
            match kill(Pid::from_raw(pid), Signal::SIGKILL) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(std::fs::remove_file(file)?)
    }

    /// Removes the data of a server that was killed.
    pub(crate) fn clear(&self) -> crate::Result<()> {
        let mut left = 100;
        // A process that was killed may still have to go.
        while let Err(error) = std::fs::remove_dir_all(self.data()) {
            left -= 1;
            if left == 0 {
                return Err(error.into());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Begins to make a primary of a standby.
    pub(crate) async fn promote(&self) -> crate::Result<()> {
        self.execute("SELECT pg_promote(false)").await
    }

    /// Lets a standby receive nothing any more: what its primary sends it to is not there.
    pub(crate) async fn cut_off(&self) -> crate::Result<()> {
        self.execute("ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1'").await?;
        self.execute("SELECT pg_reload_conf()").await?;
        self.until("SELECT count(*) = 0 FROM pg_stat_wal_receiver").await
    }

    /// Makes commits wait for a standby, and returns when one has all that was committed before.
    pub(crate) async fn await_synchronous(&self) -> crate::Result<()> {
        self.execute("ALTER SYSTEM SET synchronous_standby_names = '*'").await?;
        self.execute("SELECT pg_reload_conf()").await?;
        // A session reads the setting between two statements.
        tokio::time::sleep(Duration::from_millis(200)).await;
        self.until(
            "SELECT count(*) > 0 FROM pg_stat_replication
             WHERE sync_state IN ('sync', 'quorum') AND flush_lsn >= pg_current_wal_flush_lsn()",
        )
        .await
    }

    /// Returns when a standby streams.
    pub(crate) async fn await_standby(&self) -> crate::Result<()> {
        self.until(
            "SELECT count(*) > 0 FROM pg_stat_replication
             WHERE application_name <> 'pg_basebackup' AND state = 'streaming'",
        )
        .await
    }

    /// Lets commits wait for nobody.
    pub(crate) async fn be_asynchronous(&self) -> crate::Result<()> {
        self.execute("ALTER SYSTEM RESET synchronous_standby_names").await?;
        self.execute("SELECT pg_reload_conf()").await
    }

    /// Returns when a question is answered with yes.
    pub(crate) async fn until(&self, question: &'static str) -> crate::Result<()> {
        let mut connection = self.connect().await?;
        let waiting = async {
            while !sqlx::query_scalar::<_, bool>(question).fetch_one(&mut connection).await? {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            crate::Result::Ok(())
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        waited.map_err(|_| format!("{question}: not within {PATIENCE:?}"))?
    }

    /// Runs a statement.
    pub(crate) async fn execute(&self, sql: &str) -> crate::Result<()> {
        let mut connection = self.connect().await?;
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await?;
        Ok(connection.close().await?)
    }

    async fn connect(&self) -> crate::Result<PgConnection> {
        let options: PgConnectOptions = self.url().parse()?;
        Ok(options.disable_statement_logging().application_name("lab").connect().await?)
    }

    /// A superuser's URL.
    pub(crate) fn url(&self) -> String {
        url(&[self], "")
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// A program of the server.
    pub(crate) fn program(&self, name: &str) -> std::process::Command {
        self.programs.program(name)
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The folder goes away with the run; a server that is down already is as good.
        let _ = self.kill();
    }
}

/// A superuser's URL with these servers and more parameters.
pub(crate) fn url(servers: &[&Server], more: &str) -> String {
    let hosts: Vec<String> =
        servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
    format!("postgres://postgres@{}/postgres?sslmode=disable{more}", hosts.join(","))
}

/// A port that nobody listens on, below those of outgoing connections: one of these could take it
/// while its server is down.
pub(crate) fn free_port() -> crate::Result<u16> {
    let mut tries = (0..100).map(|_| fastrand::u16(20_000..32_000));
    let free = tries.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.ok_or_else(|| "no port is free".into())
}

/// The processes whose parent is this one.
fn children_of(parent: i32) -> crate::Result<Vec<i32>> {
    let mut children = Vec::new();
    for process in std::fs::read_dir("/proc")?.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // One that has ended meanwhile is no child any more. The name in it may have spaces.
        let Ok(stat) = std::fs::read_to_string(process.path().join("stat")) else { continue };
        let after_name = stat.rsplit_once(')').map(|(_, rest)| rest);
        let its = after_name.and_then(|rest| rest.split_whitespace().nth(1)?.parse::<i32>().ok());
        if its == Some(parent) {
            children.push(pid);
        }
    }
    Ok(children)
}
