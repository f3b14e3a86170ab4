use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// This binary in another role. Killed when dropped, and by itself when the supervisor dies.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: u32,
    /// Open as long as this process lives: see [`end_with_the_supervisor`].
    _lifeline: ChildStdin,
}

impl Process {
    /// Starts this binary with these arguments.
    pub(crate) fn spawn(arguments: &[&str]) -> crate::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().ok_or("a process that has just started has an id")?;
        // Taken out, since waiting for a child closes what is left in it.
        let lifeline = child.stdin.take().ok_or("standard input is piped")?;
        Ok(Self { child, pid, _lifeline: lifeline })
    }

    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    /// The rest of the first line that begins with `prefix`.
    pub(crate) async fn announced(&mut self, prefix: &str) -> crate::Result<String> {
        let output: ChildStdout = self.child.stdout.take().ok_or("standard output was taken")?;
        let mut lines = BufReader::new(output).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some(rest) = line.strip_prefix(prefix) {
                return Ok(rest.to_owned());
            }
        }
        Err(format!("process {} ended without saying `{prefix}`", self.pid).into())
    }

    /// Sends a signal. The process is our own child and not reaped yet, so the id is still its.
    pub(crate) fn signal(&self, signal: Signal) -> crate::Result<()> {
        Ok(kill(Pid::from_raw(self.pid.try_into()?), signal)?)
    }

    /// SIGKILL, and waits until the process is gone.
    pub(crate) async fn kill(mut self) -> crate::Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.child.wait().await?;
        Ok(())
    }

    /// SIGTERM: the worker drains. False if it does not end well in time, or has ended before.
    pub(crate) async fn terminate(mut self, patience: Duration) -> crate::Result<bool> {
        if let Some(status) = self.child.try_wait()? {
            eprintln!("worker {} ended by itself: {status}", self.pid);
            return Ok(false);
        }
        self.signal(Signal::SIGTERM)?;
        match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(status) => Ok(status?.success()),
            Err(_) => Ok(false),
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
