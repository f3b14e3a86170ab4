//! The parts that one binary plays as processes of their own: started, listened to, signalled.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use clap::{Args, ValueEnum};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
#[cfg(target_os = "linux")]
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;

use crate::plan::now_us;

/// Which of its parts a binary plays; flags that only a [`Spawner`] sets.
#[derive(Debug, Clone, Args)]
pub struct Part {
    /// Which of the processes this one is
    #[arg(long, hide = true, value_enum, default_value_t = Role::Supervisor)]
    pub role: Role,
    /// Which of its role
    #[arg(long, hide = true, default_value_t = 0)]
    pub number: u32,
}

/// The parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Starts the others, injects the faults, checks the result.
    Supervisor,
    /// Somebody else's API.
    Provider,
    /// Runs the handlers.
    Worker,
    /// Sends operations.
    Client,
    /// Records what the provider tells by itself.
    Receiver,
}

/// The word by which processes speak of this.
pub fn word<T: ValueEnum>(value: &T) -> String {
    value.to_possible_value().map_or_else(String::new, |word| word.get_name().to_owned())
}

/// This binary in another role. It ends by itself when the supervisor does.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    /// Open as long as this process is wanted: see [`end_with_the_supervisor`].
    _lifeline: ChildStdin,
}

/// Something that a process did.
#[derive(Debug)]
pub struct Event {
    /// The part that it plays.
    pub role: Role,
    /// Which of these.
    pub number: u32,
    /// What it did.
    pub what: What,
}

/// What a process can do.
#[derive(Debug)]
pub enum What {
    /// It wrote a line.
    Said(String),
    /// It has ended, and will say nothing more.
    Ended {
        /// How.
        status: ExitStatus,
        /// Microseconds since 1970.
        at: i64,
    },
}

/// Starts processes, and collects what they say.
#[derive(Debug, Clone)]
pub struct Spawner {
    /// What every process is told.
    pub arguments: Vec<String>,
    /// Where their standard error goes; to the supervisor's own without.
    pub log: Option<PathBuf>,
    /// What they do.
    pub events: UnboundedSender<Event>,
}

impl Spawner {
    /// Starts this binary in this role, with more arguments.
    pub fn spawn(&self, role: Role, number: u32, more: &[String]) -> crate::Result<Process> {
        let stderr = match &self.log {
            Some(log) => File::options().create(true).append(true).open(log)?.into(),
            None => Stdio::inherit(),
        };
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["--role", &word(&role), "--number", &number.to_string()])
            .args(self.arguments.iter().chain(more))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .kill_on_drop(true);
        if std::env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", "warn,sqlx=error");
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
            // is reported. A supervisor that no longer listens is about to end itself.
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
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// Sends a signal; one that has just ended by itself does not mind.
    pub fn signal(&self, signal: Signal) -> crate::Result<()> {
        match kill(self.pid, signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// After SIGSTOP: returns when the last thread has stopped. The signal call returns before that
    /// (5 of 8 times, by up to 2 ms), and a thread inside a system call could still take a file
    /// lock and keep it for the whole pause.
    pub async fn until_stopped(&self) {
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if self.has_stopped() {
                return;
            }
        }
    }

    /// Also true once it has ended.
    #[cfg(target_os = "linux")]
    fn has_stopped(&self) -> bool {
        let look = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        !matches!(waitid(Id::Pid(self.pid), look), Ok(WaitStatus::StillAlive))
    }

    /// Other systems do not say so: a moment has to do.
    #[cfg(not(target_os = "linux"))]
    fn has_stopped(&self) -> bool {
        true
    }
}

/// Ends this process as soon as its standard input does: the supervisor holds the other end, and
/// the kernel closes it however the supervisor dies.
pub fn end_with_the_supervisor() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(3);
    });
}

/// One line to the supervisor.
pub fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    // A supervisor that is gone ends this process by other means.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

/// Runs until done, or until this process is asked to end: the run's children die with it.
pub async fn until_told<T>(run: impl Future<Output = crate::Result<T>>) -> crate::Result<T> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = run => done,
        interrupt = tokio::signal::ctrl_c() => {
            interrupt?;
            Err("interrupted".into())
        }
        _ = terminate.recv() => Err("terminated".into()),
    }
}

/// The exit code of a process; prints why it is 2, if it is.
pub fn exit(name: &str, done: crate::Result<ExitCode>) -> ExitCode {
    done.unwrap_or_else(|error| {
        eprintln!("{name}: {error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            eprintln!("  because {error}");
            cause = error.source();
        }
        ExitCode::from(2)
    })
}
