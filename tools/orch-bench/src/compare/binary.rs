//! An `orch-bench`, run as a child process: this one, or that of an older commit, which knows only the
//! subcommands and flags of its own version.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::Failed;

/// A program that is measured.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    path: PathBuf,
}

impl Binary {
    /// The program at a path.
    ///
    /// # Errors
    /// There is none, or it is not an `orch-bench`.
    pub(crate) async fn at(path: &Path) -> Result<Self, Failed> {
        let binary = Self { path: path.to_owned() };
        let version = binary.output(&["--version"], None).await?;
        if String::from_utf8_lossy(&version.stdout).starts_with("orch-bench") {
            Ok(binary)
        } else {
            Err(format!("{} is not an orch-bench", path.display()).into())
        }
    }

    /// This program.
    ///
    /// # Errors
    /// The operating system does not say where it is.
    pub(crate) fn this() -> Result<Self, Failed> {
        Ok(Self { path: std::env::current_exe()? })
    }

    /// Whether it has this subcommand, with these flags.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) async fn knows(&self, subcommand: &[&str], flags: &[&str]) -> Result<bool, Failed> {
        let help = self.output(&[subcommand, &["--help"]].concat(), None).await?;
        let text = String::from_utf8_lossy(&help.stdout);
        Ok(help.status.success() && flags.iter().all(|flag| text.contains(flag)))
    }

    /// Runs it to its end: the object on its last line, empty if it prints none.
    ///
    /// # Errors
    /// It fails; what it said is in the error.
    pub(crate) async fn run(&self, args: &[&str], db: &str) -> Result<Value, Failed> {
        let output = self.output(args, Some(db)).await?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.trim_end().lines().last().unwrap_or("it says nothing").to_owned();
            return Err(format!("{} failed: {last}", args.first().unwrap_or(&"it")).into());
        }
        let said = String::from_utf8_lossy(&output.stdout);
        Ok(said.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default())
    }

    /// A command for it whose ends the caller holds.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.stdin(Stdio::null()).env_remove("RUST_LOG");
        command
    }

    async fn output(&self, args: &[&str], db: Option<&str>) -> Result<Output, Failed> {
        let mut command = self.command();
        command.args(args).envs(db.map(|db| ("PEER_URL", db)));
        let path = self.path.display().to_string();
        tokio::task::spawn_blocking(move || command.output())
            .await?
            .map_err(|error| format!("{path} cannot be started: {error}").into())
    }
}

/// A figure of an object that a binary has printed.
///
/// # Errors
/// It is not there: the binary measures something else under this name.
pub(crate) fn figure(object: &Value, name: &str) -> Result<f64, Failed> {
    object[name].as_f64().ok_or_else(|| format!("the binary prints no {name}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn another_program_is_refused() {
        let refused = async |path| Binary::at(Path::new(path)).await.unwrap_err().to_string();
        assert_eq!(refused("/bin/echo").await, "/bin/echo is not an orch-bench");
        assert!(refused("/no/such/program").await.contains("cannot be started"));
    }

    #[tokio::test]
    async fn a_failure_says_what_the_program_said_last() {
        let sh = Binary { path: "/bin/sh".into() };
        let run = async |script| sh.run(&["-c", script], "").await;
        let error = run("echo first >&2; echo why >&2; exit 1").await.unwrap_err().to_string();
        assert_eq!(error, "-c failed: why");
        let object = run("echo a table; echo '{\"secs\": 1.5}'").await.unwrap();
        assert!(figure(&object, "secs").is_ok_and(|secs| (secs - 1.5).abs() < 1e-9));
        assert_eq!(run("true").await.unwrap(), Value::Null);
        assert!(figure(&object, "rate").is_err());
    }
}
