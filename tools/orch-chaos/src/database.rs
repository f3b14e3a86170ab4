use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A throw-away Postgres cluster with default durability, stopped and removed when dropped.
#[derive(Debug)]
pub(crate) struct Cluster {
    programs: Programs,
    data: PathBuf,
    log: PathBuf,
    port: u16,
}

/// The server's programs.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    bin: PathBuf,
    as_root: bool,
}

impl Cluster {
    /// Prepares and starts a cluster in this folder.
    pub(crate) fn start(folder: &Path) -> crate::Result<Self> {
        let home = folder.join("postgres");
        std::fs::create_dir(&home)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let programs = Programs::find()?;
        programs.give(folder, &home)?;
        let (data, log) = (home.join("data"), home.join("log"));
        let cluster = Self { programs, data, log, port };
        let mut init = cluster.programs.program("initdb");
        run(init.args(["-A", "trust", "-E", "UTF8", "-U", "postgres", "-D"]).arg(&cluster.data))?;
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\n\
             max_connections = 300\n",
            home.display()
        );
        let file = cluster.data.join("postgresql.conf");
        let defaults = std::fs::read_to_string(&file)?;
        std::fs::write(&file, defaults + &settings)?;
        cluster.ctl(&["start"])?;
        Ok(cluster)
    }

    /// As a crash: nothing is written on the way down. Returns when the server takes connections
    /// again.
    pub(crate) fn crash_and_restart(&self) -> crate::Result<()> {
        self.ctl(&["-m", "immediate", "restart"])
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// A superuser's URL, for connections through this port.
    pub(crate) fn url(port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable")
    }

    fn ctl(&self, arguments: &[&str]) -> crate::Result<()> {
        let mut command = self.programs.program("pg_ctl");
        command.arg("-D").arg(&self.data).arg("-l").arg(&self.log).arg("-w");
        run(command.args(arguments))
    }
}

impl Programs {
    /// Where they are installed.
    pub(crate) fn find() -> crate::Result<Self> {
        Ok(Self { bin: find_bin()?, as_root: nix::unistd::geteuid().is_root() })
    }

    /// Gives a new folder inside of this one to the server's own user: initdb refuses root.
    pub(crate) fn give(&self, folder: &Path, home: &Path) -> crate::Result<()> {
        if self.as_root {
            run(Command::new("chmod").arg("755").arg(folder))?;
            run(Command::new("chown").arg("postgres").arg(home))?;
        }
        Ok(())
    }

    /// A program of the server, as the user postgres where this one is root.
    pub(crate) fn program(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        if !self.as_root {
            return Command::new(program);
        }
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The folder goes away with the run; a server that is down already is as good.
        let _ = self.ctl(&["-m", "immediate", "stop"]);
    }
}

/// Where the server's programs are.
fn find_bin() -> crate::Result<PathBuf> {
    if let Some(bin) = std::env::var_os("ORCH_TEST_POSTGRES_BIN") {
        return Ok(bin.into());
    }
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut bins: Vec<PathBuf> = installed.map(|version| version.path().join("bin")).collect();
    bins.sort();
    bins.extend(["/usr/local/bin", "/usr/bin"].map(PathBuf::from));
    let found = bins.into_iter().find(|bin| bin.join("initdb").exists());
    found.ok_or_else(|| "no initdb found; set ORCH_TEST_POSTGRES_BIN to its folder".into())
}

pub(crate) fn run(command: &mut Command) -> crate::Result<()> {
    let output =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if output.success() { Ok(()) } else { Err(format!("{command:?}: {output}").into()) }
}
