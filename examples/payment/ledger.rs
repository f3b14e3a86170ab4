use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::behaviour::Behaviour;

/// One line of the gateway's ledger: what it received, and what it did with people's money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub(crate) enum Entry {
    /// A call came in.
    Call(CallEntry),
    /// Money moved.
    Charge(ChargeEntry),
}

/// A call, written down before anything is done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CallEntry {
    pub(crate) order_id: u64,
    /// The `Idempotency-Key` that it came with.
    pub(crate) key: String,
    pub(crate) attempt: u32,
    /// The process that called.
    pub(crate) worker: u32,
    /// What the gateway is going to do; `None` where the key decides (replay or 409).
    pub(crate) behaviour: Option<Behaviour>,
}

/// A charge, on disk before it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChargeEntry {
    pub(crate) order_id: u64,
    pub(crate) key: String,
    pub(crate) amount: u64,
    pub(crate) receipt_id: String,
}

/// The append-only file behind the gateway. Nothing is ever read back by the gateway itself:
/// the file is the evidence for the comparison at the end.
#[derive(Debug)]
pub(crate) struct Ledger(Mutex<File>);

impl Ledger {
    pub(crate) fn create(path: &Path) -> std::io::Result<Self> {
        OpenOptions::new().create_new(true).append(true).open(path).map(|f| Self(Mutex::new(f)))
    }

    /// Appends one line, in one write. A charge is on disk when this returns.
    pub(crate) fn append(&self, entry: &Entry) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let mut file = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.write_all(&line)?;
        match entry {
            Entry::Call(_) => Ok(()),
            Entry::Charge(_) => file.sync_data(),
        }
    }
}

/// Reads a whole ledger.
pub(crate) fn read(path: &Path) -> std::io::Result<Vec<Entry>> {
    BufReader::new(File::open(path)?)
        .lines()
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_read_back_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let call = Entry::Call(CallEntry {
            order_id: 7,
            key: "k".into(),
            attempt: 1,
            worker: 42,
            behaviour: Some(Behaviour::Silent),
        });
        let charge = Entry::Charge(ChargeEntry {
            order_id: 7,
            key: "k".into(),
            amount: 5,
            receipt_id: "ch_1".into(),
        });
        let ledger = Ledger::create(&path).unwrap();
        ledger.append(&call).unwrap();
        ledger.append(&charge).unwrap();
        assert_eq!(read(&path).unwrap(), [call, charge]);
        assert!(Ledger::create(&path).is_err(), "a ledger is never begun twice");
    }
}
