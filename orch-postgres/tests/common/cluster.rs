//! A throw-away server of a test's own, to be stopped and restarted.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A server on a port of its own, removed when dropped.
pub struct Cluster {
    home: PathBuf,
    port: u16,
}

impl Cluster {
    /// Prepared, but not started.
    pub fn prepare() -> Self {
        let cluster = Self::at_a_free_port();
        let mut init = as_server("initdb");
        run(init.args(["-A", "trust", "-E", "UTF8", "-U", "postgres", "-D"]).arg(cluster.data()));
        cluster.set("listen_addresses", "127.0.0.1");
        cluster.set("port", &cluster.port.to_string());
        cluster.set("unix_socket_directories", &cluster.home.display().to_string());
        cluster
    }

    fn at_a_free_port() -> Self {
        loop {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let name = format!("orch-cluster-{}-{port}", std::process::id());
            let home = std::env::temp_dir().join(name);
            match std::fs::create_dir(&home) {
                Ok(()) => {
                    if is_root() {
                        run(Command::new("chown").arg("postgres").arg(&home));
                    }
                    return Self { home, port };
                }
                // Another test has it, and its server does not listen yet.
                Err(error) => assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}"),
            }
        }
    }

    /// A primary and a standby that follows it, both started. The second is a copy of the first
    /// before its first start, which needs no program that some packages leave out.
    pub fn start_pair() -> [Self; 2] {
        let (primary, standby) = (Self::prepare(), Self::at_a_free_port());
        let mut copy = Command::new("cp");
        run(copy.arg("-a").arg(primary.data()).arg(standby.data()));
        standby.set("port", &standby.port.to_string());
        standby.set("unix_socket_directories", &standby.home.display().to_string());
        let upstream = format!("host=127.0.0.1 port={} user=postgres", primary.port);
        standby.set("primary_conninfo", &upstream);
        std::fs::write(standby.data().join("standby.signal"), "").unwrap();
        primary.start();
        standby.start();
        [primary, standby]
    }

    /// The last value of a setting counts.
    fn set(&self, name: &str, value: &str) {
        let path = self.data().join("postgresql.conf");
        let old = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{old}{name} = '{value}'\n")).unwrap();
    }

    /// Prepared and started.
    pub fn start_new() -> Self {
        let cluster = Self::prepare();
        cluster.start();
        cluster
    }

    pub fn start(&self) {
        let log = self.home.join("log");
        run(as_server("pg_ctl")
            .arg("-D")
            .arg(self.data())
            .arg("-l")
            .arg(log)
            .args(["-w", "start"]));
    }

    pub fn stop(&self) {
        run(as_server("pg_ctl").arg("-D").arg(self.data()).args(["-m", "fast", "-w", "stop"]));
    }

    /// Keeps a copy of a stopped server's data.
    pub fn back_up(&self) {
        run(Command::new("cp").arg("-a").arg(self.data()).arg(self.home.join("copy")));
    }

    /// Puts the copy in place of a stopped server's data.
    pub fn restore(&self) {
        std::fs::remove_dir_all(self.data()).unwrap();
        run(Command::new("cp").arg("-a").arg(self.home.join("copy")).arg(self.data()));
    }

    /// As a crash: nothing is written on the way down.
    pub fn crash_and_restart(&self) {
        let log = self.home.join("log");
        let mut command = as_server("pg_ctl");
        command.arg("-D").arg(self.data()).arg("-l").arg(log);
        run(command.args(["-m", "immediate", "-w", "restart"]));
    }

    /// As a crash, and it stays down.
    pub fn crash(&self) {
        self.ctl(&["-m", "immediate", "stop"]);
    }

    /// Makes a primary of a standby. Returns when it takes writes.
    pub fn promote(&self) {
        self.ctl(&["promote"]);
    }

    fn ctl(&self, arguments: &[&str]) {
        run(as_server("pg_ctl").arg("-D").arg(self.data()).arg("-w").args(arguments));
    }

    /// The server's address, as a URL of several names it.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = as_server("pg_ctl");
        stop.arg("-D").arg(self.data()).args(["-m", "immediate", "-w", "stop"]);
        let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

fn run(command: &mut Command) {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}");
}

/// A program of the server, as the user postgres where the tests run as root.
fn as_server(program: &str) -> Command {
    let bin = std::env::var("ORCH_TEST_POSTGRES_BIN").expect(
        "ORCH_TEST_POSTGRES_BIN is not set; run: scripts/postgres cargo test -p orch-postgres",
    );
    let program = Path::new(&bin).join(program);
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program);
    command
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}
