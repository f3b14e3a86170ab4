use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::server::{Server, free_port};

/// pgbouncer in transaction mode, in front of one server at a time. Ended when dropped.
#[derive(Debug)]
pub(crate) struct Pooler {
    process: Child,
    file: PathBuf,
    port: u16,
}

impl Pooler {
    pub(crate) async fn start(folder: &Path, server: &Server) -> crate::Result<Self> {
        let port = free_port()?;
        let file = folder.join("pgbouncer.ini");
        write(&file, port, server)?;
        let mut command = if nix::unistd::geteuid().is_root() {
            let mut command = Command::new("setpriv");
            // Not runuser, which stays in between and would be killed instead of it.
            command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
            command.arg(find());
            command
        } else {
            Command::new(find())
        };
        let log = std::fs::File::create(folder.join("pgbouncer.log"))?;
        let process = command
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("pgbouncer cannot be started; install it: {error}"))?;
        let pooler = Self { process, file, port };
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(pooler);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err("pgbouncer does not take connections".into())
    }

    /// A URL through it.
    pub(crate) fn url(&self, more: &str) -> String {
        let port = self.port;
        format!(
            "postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable&orch_pooled=true{more}"
        )
    }

    /// Sends new connections to this server: the file is written again and read at SIGHUP.
    pub(crate) fn point_to(&self, server: &Server) -> crate::Result<()> {
        write(&self.file, self.port, server)?;
        Ok(kill(Pid::from_raw(self.process.id().try_into()?), Signal::SIGHUP)?)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// pgbouncer waits 15 s after a login that failed, unless told otherwise: no client would get
/// through sooner, whatever it does.
fn write(file: &Path, port: u16, server: &Server) -> crate::Result<()> {
    let text = format!(
        "[databases]\n\
         * = host=127.0.0.1 port={} user=postgres\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = any\n\
         pool_mode = transaction\n\
         default_pool_size = 40\n\
         max_client_conn = 500\n\
         server_login_retry = 0.1\n",
        server.port()
    );
    Ok(std::fs::write(file, text)?)
}

/// Debian's is not on everybody's path.
fn find() -> &'static str {
    let sbin = "/usr/sbin/pgbouncer";
    if Path::new(sbin).exists() { sbin } else { "pgbouncer" }
}
