//! The disk that SQLite's file lies on: small, so that it can be full, and with writes that fail.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Enough for every run.
const ROOM: &str = "2g";
/// How long a fault lasts: long enough for SQLite to need more room, and less than a lease.
const LASTS: Duration = Duration::from_millis(1_900);
/// A full disk lasts until SQLite has met it, or as long as this.
const LASTS_AT_MOST: Duration = Duration::from_secs(8);

/// Between two looks whether it was met.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A file system in memory, for root; otherwise a plain folder, on which nothing is ever full.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    mounted: bool,
    met: AtomicBool,
}

impl Disk {
    pub(crate) fn mount(folder: &Path) -> crate::Result<Self> {
        let folder = folder.join("disk");
        std::fs::create_dir(&folder)?;
        let size = format!("size={ROOM}");
        let mounted =
            run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&folder));
        if let Err(error) = &mounted {
            eprintln!("orch-chaos: no disk of its own, so none that can be full: {error}");
        }
        Ok(Self { folder, mounted: mounted.is_ok(), met: AtomicBool::new(false) })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Somebody was told that the disk is full.
    pub(crate) fn was_met(&self) {
        self.met.store(true, Ordering::Relaxed);
    }

    /// True if it can be full at all.
    pub(crate) const fn can_be_full(&self) -> bool {
        self.mounted
    }

    /// Leaves no room beyond what is used. Nobody may write meanwhile: a disk does not become
    /// smaller than what is on it.
    pub(crate) fn fill(&self) -> crate::Result<()> {
        let used = nix::sys::statvfs::statvfs(&self.folder)?;
        let blocks = used.blocks() - used.blocks_free();
        let bytes = blocks * used.fragment_size();
        self.met.store(false, Ordering::Relaxed);
        self.resize(&bytes.to_string())
    }

    /// Makes room again, after a while.
    pub(crate) async fn stay_full_for_a_while(&self) -> crate::Result<()> {
        let began = Instant::now();
        tokio::time::sleep(LASTS).await;
        while !self.met.load(Ordering::Relaxed) && began.elapsed() < LASTS_AT_MOST {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.resize(ROOM)
    }

    fn resize(&self, size: &str) -> crate::Result<()> {
        run(Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(&self.folder))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            // Lazily: a process that is just ending may still have the file open.
            let _ = run(Command::new("umount").arg("-l").arg(&self.folder));
        }
    }
}

/// Lets every write of a process to a file fail, for a while: no file may be as long as any of
/// ours is. Its sockets and its maps of memory go on. Takes the first of these processes that is
/// still there; false if none is.
pub(crate) async fn fail_writes(pids: &[u32]) -> bool {
    let Some(pid) = pids.iter().find(|pid| limit(**pid, "4096:").is_ok()) else { return false };
    tokio::time::sleep(LASTS).await;
    // The process may have been killed meanwhile.
    let _ = limit(*pid, "unlimited:");
    true
}

fn limit(pid: u32, size: &str) -> crate::Result<()> {
    let limit = format!("--fsize={size}");
    run(Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]))
}

fn run(command: &mut Command) -> crate::Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
}
