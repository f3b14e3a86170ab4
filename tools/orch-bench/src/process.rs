//! What this process has cost so far, as the kernel counts it.

/// The most memory that this process has held, in kB; 0 where there is no `/proc`.
pub(crate) fn peak_memory_kb() -> u64 {
    status_kb("VmHWM:")
}

/// The memory that this process holds, in kB; 0 where there is no `/proc`.
pub(crate) fn memory_kb() -> u64 {
    status_kb("VmRSS:")
}

fn status_kb(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Processor time used so far, of all threads, in seconds; 0 where there is no `/proc`.
pub(crate) fn cpu_seconds() -> f64 {
    /// What `/proc` counts in: 100 per second on every architecture of Linux.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in brackets, which may itself hold spaces and brackets.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|field| field.parse().ok());
    let (user, system): (Option<f64>, Option<f64>) = (ticks(11), ticks(12));
    (user.unwrap_or(0.0) + system.unwrap_or(0.0)) / TICKS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_holds_memory() {
        assert!(memory_kb() > 100 && peak_memory_kb() >= memory_kb());
        assert!(cpu_seconds() >= 0.0);
    }
}
