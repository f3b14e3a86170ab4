use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::mpsc;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

/// One line of the provider's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub(crate) enum Entry {
    /// A call came in; written before anything is done about it.
    Call(Call),
    /// Money moved; on disk before anybody is told.
    Act { order: u64, key: String, amount: u64, receipt: String },
    /// The call was answered, or the caller was gone (`None`).
    Answered { call: u64, at: i64, answer: Option<Answer> },
    /// Somebody asked what had become of a key.
    Reconciled { order: u64, key: String, answer: Answer },
}

/// What a call says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Call {
    /// The ledger's number for it.
    pub(crate) call: u64,
    /// Microseconds since 1970.
    pub(crate) at: i64,
    pub(crate) order: u64,
    pub(crate) key: String,
    pub(crate) amount: u64,
    pub(crate) attempt: u32,
    /// The worker process.
    pub(crate) worker: u32,
}

/// What the provider says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(crate) enum Answer {
    /// It has acted.
    Done { receipt: String, amount: u64 },
    /// It will not act.
    Declined,
    /// It has not acted; try again.
    Busy,
    /// To a question: it has not acted, and will not act on calls made before.
    NotHappened,
    /// To a question: it cannot say now.
    Unanswered,
}

/// Appends to the ledger. One fsync serves all that is waiting for one.
#[derive(Debug)]
pub(crate) struct Ledger {
    sender: mpsc::Sender<(String, oneshot::Sender<()>)>,
}

impl Ledger {
    /// Starts a new ledger. A write that fails ends the process: a provider without a ledger
    /// must not say anything about money.
    pub(crate) fn create(path: &Path) -> crate::Result<Self> {
        let mut file = OpenOptions::new().create_new(true).append(true).open(path)?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            if let Err(error) = keep(&mut file, &receiver) {
                eprintln!("provider: the ledger cannot be written: {error}");
                std::process::exit(4);
            }
        });
        Ok(Self { sender })
    }

    /// Returns when the entries are on disk.
    pub(crate) async fn append(&self, entries: &[Entry]) -> crate::Result<()> {
        let mut lines = String::new();
        for entry in entries {
            lines.push_str(&serde_json::to_string(entry)?);
            lines.push('\n');
        }
        let (sender, kept) = oneshot::channel();
        self.sender.send((lines, sender))?;
        Ok(kept.await?)
    }
}

fn keep(
    file: &mut File,
    receiver: &mpsc::Receiver<(String, oneshot::Sender<()>)>,
) -> std::io::Result<()> {
    while let Ok(first) = receiver.recv() {
        let batch: Vec<_> = std::iter::once(first).chain(receiver.try_iter()).collect();
        let lines: String = batch.iter().map(|(lines, _)| lines.as_str()).collect();
        file.write_all(lines.as_bytes())?;
        file.sync_data()?;
        for (_, kept) in batch {
            // Whoever waited may be gone; it is kept all the same.
            let _ = kept.send(());
        }
    }
    Ok(())
}

/// Reads the whole ledger, or any other file of JSON lines.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> crate::Result<Vec<T>> {
    let mut entries = Vec::new();
    for line in BufReader::new(File::open(path)?).lines() {
        let line = line?;
        // A line that its writer did not live to end was never relied on.
        match serde_json::from_str(&line) {
            Ok(entry) => entries.push(entry),
            Err(_) if line.is_empty() || !line.ends_with('}') => {}
            Err(error) => return Err(format!("{}: {error}: {line}", path.display()).into()),
        }
    }
    Ok(entries)
}
