//! The ledger of a provider: the evidence against which the store is checked. The provider
//! itself never reads it back.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::mpsc;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// A call arrived; written before the provider does anything about it.
    Call(Call),
    /// Money moved; on disk before the caller is answered.
    Act {
        /// The ledger's number for the call.
        call: u64,
        /// Whose.
        order_id: u64,
        /// The key that the call came with.
        key: String,
        /// What the provider gives for it.
        receipt: Receipt,
    },
    /// The call was answered, or is never going to be (`None`).
    Answered {
        /// The ledger's number for the call.
        call: u64,
        /// Microseconds since 1970.
        at: i64,
        /// What the provider said.
        answer: Option<Answer>,
    },
    /// A caller asked what had become of a key.
    Reconciled {
        /// The order that it asked about.
        order_id: u64,
        /// The key that it asked about.
        key: String,
        /// What the provider said.
        answer: Answer,
    },
}

/// A call, as it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The ledger's number for it.
    pub call: u64,
    /// Which call about its order this is, from 1.
    pub nth: u32,
    /// Microseconds since 1970.
    pub at: i64,
    /// True if a caller had been told before that calls of this attempt have not acted.
    #[serde(default)]
    pub belated: bool,
    /// What it said.
    #[serde(flatten)]
    pub request: Request,
}

/// What a caller sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The idempotency key.
    pub key: String,
    /// What is ordered.
    #[serde(flatten)]
    pub body: Body,
    /// Which attempt of the caller's this is, from 1.
    pub attempt: u32,
    /// The process that calls.
    pub worker: u32,
}

/// What is ordered: the part of a command's body that the checks read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// Which order.
    pub order_id: u64,
    /// For how much.
    pub amount: u64,
}

/// What the provider gives for the money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// No two are equal.
    pub receipt_id: String,
    /// How much has moved.
    pub amount: u64,
}

/// What the provider says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// It has acted.
    Done(Receipt),
    /// It will not act.
    Declined,
    /// It has not acted; try again.
    Busy,
    /// It has not acted; try again later.
    Limited,
    /// It has not acted on this call: another one with its key is at work, or a newer one was.
    Refused,
    /// It does not act, since the reference was used before.
    Duplicate,
    /// To a reconcile: it has not acted, and will not act on calls made before.
    NotHappened,
    /// To a reconcile: it cannot say now.
    Unanswered,
}

/// Appends to the file. One fsync serves all that is waiting for one.
#[derive(Debug)]
pub struct Ledger {
    sender: mpsc::Sender<(String, oneshot::Sender<()>)>,
}

impl Ledger {
    /// Starts a new ledger. A write that fails ends the process: a provider without a ledger
    /// must not say anything about money.
    pub fn create(path: &Path) -> crate::Result<Self> {
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
    pub async fn append(&self, entries: &[Entry]) -> crate::Result<()> {
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
            // The caller that waited may be gone; the entry is kept all the same.
            let _ = kept.send(());
        }
    }
    Ok(())
}

/// Reads the whole ledger, or any other file of JSON lines.
pub fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> crate::Result<Vec<T>> {
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

/// Follows a ledger while the provider writes it.
#[derive(Debug)]
pub struct Tail {
    file: BufReader<File>,
    line: String,
    open: BTreeMap<u64, Call>,
    /// Calls so far.
    pub calls: u64,
    /// Keys with which money has moved so far.
    pub done: HashSet<String>,
}

impl Tail {
    /// From the beginning.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        let file = BufReader::new(File::open(path)?);
        let (line, open, done) = Default::default();
        Ok(Self { file, line, open, calls: 0, done })
    }

    /// Reads what has been written since the last look.
    pub fn look(&mut self) -> std::io::Result<()> {
        while self.file.read_line(&mut self.line)? > 0 && self.line.ends_with('\n') {
            match serde_json::from_str(&self.line)? {
                Entry::Call(call) => {
                    self.calls += 1;
                    self.open.insert(call.call, call);
                }
                Entry::Act { key, .. } => drop(self.done.insert(key)),
                Entry::Answered { call, .. } => drop(self.open.remove(&call)),
                Entry::Reconciled { .. } => {}
            }
            self.line.clear();
        }
        Ok(())
    }

    /// Calls on which the provider was at work at the last look.
    pub fn open(&self) -> impl Iterator<Item = &Call> {
        self.open.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_appended_is_read_back_and_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let body = Body { order_id: 7, amount: 5 };
        let request = Request { key: "k".into(), body, attempt: 1, worker: 42 };
        let call = Entry::Call(Call { call: 1, nth: 1, at: 0, belated: false, request });
        let receipt = Receipt { receipt_id: "r".into(), amount: 5 };
        let act = Entry::Act { call: 1, order_id: 7, key: "k".into(), receipt: receipt.clone() };
        let answer = Some(Answer::Done(receipt));
        let answered = Entry::Answered { call: 1, at: 1, answer };

        let ledger = Ledger::create(&path).unwrap();
        let mut tail = Tail::of(&path).unwrap();
        ledger.append(&[call.clone(), act.clone()]).await.unwrap();
        tail.look().unwrap();
        assert_eq!((tail.calls, tail.done.len(), tail.open().count()), (1, 1, 1));
        ledger.append(std::slice::from_ref(&answered)).await.unwrap();
        tail.look().unwrap();
        assert_eq!(tail.open().count(), 0);
        assert_eq!(read::<Entry>(&path).unwrap(), [call, act, answered]);
        assert!(Ledger::create(&path).is_err(), "a ledger is never begun twice");
    }
}
