//! Processor time of a server and all its processes, as `/proc` counts it: proc_pid_stat(5).

use std::fs;
use std::path::Path;

/// What `/proc` counts in: 100 per second on every architecture of Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// What `/proc/PID/stat` says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    /// Who has started it.
    parent: u32,
    /// User and system time of its own, in ticks.
    own: u64,
    /// The same of children that have ended and been waited for.
    ended: u64,
}

/// Processor time, in seconds, that a process has used since its start: its own, that of its children which have
/// ended, and that of those which live, `except` one. Postgres has one level of processes under the first.
///
/// # Errors
/// There is no such process here: the server is on another host, or in a container of its own.
pub(crate) fn cpu_seconds(root: u32, except: u32) -> Result<f64, String> {
    cpu_seconds_in(Path::new("/proc"), root, except)
}

/// The process that has started this one.
///
/// # Errors
/// As [`cpu_seconds`].
pub(crate) fn parent(of: u32) -> Result<u32, String> {
    read_stat(Path::new("/proc"), of).map(|stat| stat.parent)
}

/// What the program of a process is called; empty where that cannot be read.
pub(crate) fn name(of: u32) -> String {
    fs::read_to_string(format!("/proc/{of}/comm")).unwrap_or_default().trim_end().to_owned()
}

/// A child that ends between the two readings would be counted twice or not at all: then it is read again.
fn cpu_seconds_in(proc: &Path, root: u32, except: u32) -> Result<f64, String> {
    const TRIES: usize = 5;
    let mut before = read_stat(proc, root)?;
    let mut seconds = 0.0;
    for _ in 0..TRIES {
        seconds = alive(proc, root, except)?;
        let after = read_stat(proc, root)?;
        seconds += in_seconds(after.ended);
        if after.ended == before.ended {
            break;
        }
        before = after;
    }
    Ok(seconds)
}

/// Of a process and its children that live.
fn alive(proc: &Path, root: u32, except: u32) -> Result<f64, String> {
    let processes = fs::read_dir(proc).map_err(|error| error.to_string())?;
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut seconds = 0.0;
    for id in ids.filter(|id| *id != except) {
        // One that has ended meanwhile is its parent's to count.
        let Ok(stat) = read_stat(proc, id) else { continue };
        if id == root || stat.parent == root {
            seconds += own_seconds(proc, id, stat);
        }
    }
    Ok(seconds)
}

/// In nanoseconds where the kernel says them, which is exact; else in ticks of 10 ms. Only of processes with
/// one thread, which those of Postgres are.
fn own_seconds(proc: &Path, id: u32, stat: Stat) -> f64 {
    let exact = fs::read_to_string(proc.join(format!("{id}/schedstat"))).ok();
    exact.as_deref().and_then(schedstat).unwrap_or_else(|| in_seconds(stat.own))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn in_seconds(ticks: u64) -> f64 {
    ticks as f64 / TICKS_PER_SECOND
}

fn read_stat(proc: &Path, id: u32) -> Result<Stat, String> {
    let text = fs::read_to_string(proc.join(format!("{id}/stat")))
        .map_err(|error| format!("process {id} cannot be read in {}: {error}", proc.display()))?;
    stat(&text).ok_or_else(|| format!("what {} says of process {id} is unknown", proc.display()))
}

/// The fields of `/proc/PID/stat`. The second one is the name in brackets, which may itself hold spaces and brackets.
fn stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    // The first of these is field 3 of the page.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(field(4)?).ok()?,
        own: field(14)? + field(15)?,
        ended: field(16)? + field(17)?,
    })
}

/// The seconds of `/proc/PID/schedstat`, whose first field is in nanoseconds. A kernel that does not count
/// says 0 everywhere.
fn schedstat(text: &str) -> Option<f64> {
    let mut fields = text.split_whitespace().map(str::parse::<u64>);
    let (on_cpu, waiting, slices) = (fields.next()?, fields.next()?, fields.next()?);
    let (on_cpu, waiting, slices) = (on_cpu.ok()?, waiting.ok()?, slices.ok()?);
    if on_cpu == 0 && waiting == 0 && slices == 0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of some hours")]
    let nanoseconds = on_cpu as f64;
    Some(nanoseconds / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder like `/proc` with these processes: id, parent, own ticks, ended ticks, nanoseconds.
    fn proc(processes: &[(u32, u32, u64, u64, u64)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (id, parent, own, ended, ns) in processes {
            let process = folder.path().join(id.to_string());
            fs::create_dir(&process).unwrap();
            let zeros = "0 ".repeat(9);
            let stat = format!("{id} (a ) b) S {parent} {zeros}{own} 0 {ended} 0 20 0 1");
            fs::write(process.join("stat"), stat).unwrap();
            fs::write(process.join("schedstat"), format!("{ns} 1 1\n")).unwrap();
        }
        fs::create_dir(folder.path().join("sys")).unwrap();
        folder
    }

    #[test]
    fn the_fields_of_a_stat_are_counted_behind_the_name() {
        let text =
            "17946 (post) gres) S 17938 17946 7515 0 -1 4194304 97 98 99 100 11 12 13 14 20 0 1";
        assert_eq!(stat(text), Some(Stat { parent: 17938, own: 23, ended: 27 }));
        assert_eq!(stat("17946 (postgres) S 17938"), None);
        assert_eq!(stat(""), None);
    }

    #[test]
    fn a_kernel_that_does_not_count_says_nothing() {
        assert_eq!(schedstat("1500000000 7 3\n"), Some(1.5));
        assert_eq!(schedstat("0 0 0\n"), None);
        assert_eq!(schedstat("1"), None);
    }

    #[test]
    fn children_that_live_and_that_have_ended_are_counted_and_others_are_not() {
        let second = 1_000_000_000;
        let folder = proc(&[
            (10, 1, 100, 250, second),
            (11, 10, 100, 0, 2 * second),
            (12, 10, 100, 0, 4 * second),
            (13, 10, 100, 0, 8 * second),
            (20, 1, 100, 0, 16 * second),
        ]);
        assert_eq!(cpu_seconds_in(folder.path(), 10, 13), Ok(2.5 + 1.0 + 2.0 + 4.0));
    }

    #[test]
    fn a_server_that_is_elsewhere_is_refused() {
        let folder = proc(&[(10, 1, 0, 0, 0)]);
        let error = cpu_seconds_in(folder.path(), 99, 0).unwrap_err();
        assert!(error.contains("process 99"), "{error}");
    }

    #[test]
    fn a_running_process_has_a_parent_and_uses_time() {
        let id = std::process::id();
        assert_ne!(parent(id), Ok(0));
        assert!(cpu_seconds(id, 0).is_ok_and(|seconds| seconds > 0.0));
        assert!(!name(id).is_empty());
    }
}
