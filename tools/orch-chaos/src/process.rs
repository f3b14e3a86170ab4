use std::fs::File;
use std::io::Read;
use std::process::{ExitStatus, Stdio};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::sync::mpsc::UnboundedSender;

use crate::cli::Role;
use crate::fate::Fate;
use crate::world::{World, now_us};

/// This binary in another role. It ends by itself when the supervisor does.
#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
    /// Open as long as this process is wanted: see [`end_with_the_supervisor`].
    _lifeline: ChildStdin,
}

/// Something that a process did.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) role: Role,
    pub(crate) number: u32,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    /// It wrote a line.
    Said(String),
    /// It has ended, at this instant, and will say nothing more.
    Ended { status: ExitStatus, at: i64 },
}

/// Starts processes, and collects what they say.
#[derive(Debug, Clone)]
pub(crate) struct Spawner {
    pub(crate) world: World,
    pub(crate) events: UnboundedSender<Event>,
}

impl Spawner {
    pub(crate) fn spawn(
        &self,
        role: Role,
        number: u32,
        fate: Option<Fate>,
    ) -> crate::Result<Process> {
        let log = File::options().create(true).append(true).open(self.world.log())?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["--role", role.name(), "--number", &number.to_string(), "--world"])
            .arg(&self.world.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true);
        if std::env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", "warn,sqlx=error");
        }
        if let Some(fate) = fate {
            command.args(["--fate", &fate.to_string()]);
        }
        let mut child = command.spawn()?;
        let pid = child.id().ok_or("a process that has just started has an id")?;
        // Taken out, since waiting for a child closes what is left in it.
        let lifeline = child.stdin.take().ok_or("standard input is piped")?;
        let output = child.stdout.take().ok_or("standard output is piped")?;
        let events = self.events.clone();
        tokio::spawn(async move {
            let send = |what| events.send(Event { role, number, what });
            let mut lines = BufReader::new(output).lines();
            // The pipe outlives the process: what it said before its end is read before its end
            // is told. A supervisor that no longer listens is about to end itself.
            while let Ok(Some(line)) = lines.next_line().await {
                let _ = send(What::Said(line));
            }
            if let Ok(status) = child.wait().await {
                let _ = send(What::Ended { status, at: now_us() });
            }
        });
        Ok(Process { pid: Pid::from_raw(pid.try_into()?), _lifeline: lifeline })
    }
}

impl Process {
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Sends a signal; one that has just ended by itself does not mind.
    pub(crate) fn signal(&self, signal: Signal) -> crate::Result<()> {
        match kill(self.pid, signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Supervisor => "supervisor",
            Self::Provider => "provider",
            Self::Worker => "worker",
            Self::Client => "client",
        }
    }
}

/// Ends this process as soon as its standard input does: the supervisor holds the other end, and
/// the kernel closes it however the supervisor dies.
pub(crate) fn end_with_the_supervisor() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(3);
    });
}
