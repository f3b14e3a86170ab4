use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on a terminal; elsewhere a line per second. Both on standard error.
pub(super) struct Progress {
    bar: ProgressBar,
    next_at: Instant,
}

impl Progress {
    /// So many operations are to finish.
    pub(super) fn new(operations: u64) -> Self {
        let style = ProgressStyle::with_template("finished {bar:40} {pos:>5}/{len}  {msg}");
        let bar = ProgressBar::new(operations);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, next_at: Instant::now() }
    }

    /// So many have finished, and what else there is to say.
    pub(super) fn show(&mut self, finished: u64, figures: String) {
        if !self.bar.is_hidden() {
            self.bar.set_position(finished);
            self.bar.set_message(figures);
        } else if Instant::now() >= self.next_at {
            self.next_at += Duration::from_secs(1);
            eprintln!("{figures}, finished {finished}");
        }
    }
}

/// Takes the bar away.
impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
