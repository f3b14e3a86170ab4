//! As much of Postgres's wire protocol as it takes to find the commits in it.

use std::collections::HashMap;

use clap::ValueEnum;

/// What a round trip of a client does, as far as its SQL tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Class {
    /// Stores new operations.
    Accept,
    /// Leases operations.
    Claim,
    /// Moves ends of leases.
    Renew,
    /// Writes ends into the log, to be finalized later.
    Log,
    /// Writes ends and moves operations.
    Settle,
    /// Moves operations as decided elsewhere: sweeps, finalize.
    Move,
    /// Keeps what a provider tells, or what a reference is about.
    Tell,
    /// Commits a transaction of several statements: a finalize hook's.
    Commit,
    /// Writes nothing that matters, or nothing at all.
    Other,
}

impl Class {
    /// Those whose commit can be ambiguous.
    pub(crate) const WRITES: [Self; 8] = [
        Self::Accept,
        Self::Claim,
        Self::Renew,
        Self::Log,
        Self::Settle,
        Self::Move,
        Self::Commit,
        Self::Tell,
    ];

    /// True if it always changes something. A claim may find nothing.
    pub(crate) const fn surely_writes(self) -> bool {
        !matches!(self, Self::Claim | Self::Renew | Self::Tell | Self::Other)
    }

    /// By the tables that a statement writes.
    pub(crate) fn of(sql: &str) -> Self {
        if sql.trim() == "COMMIT" {
            return Self::Commit;
        }
        let writes = |what: &str| sql.contains(what);
        let entry = writes("INSERT INTO orch_write_ahead_log");
        if writes("INSERT INTO orch_operation") {
            Self::Accept
        } else if writes("INSERT INTO orch_answer") || writes("INSERT INTO orch_reference") {
            Self::Tell
        } else if writes("SKIP LOCKED") && writes("UPDATE orch_queue") {
            Self::Claim
        } else if entry && writes("UPDATE orch_write_ahead_log") {
            Self::Move
        } else if entry && writes("DELETE FROM orch_queue") {
            Self::Settle
        } else if entry && writes("UPDATE orch_queue") {
            Self::Log
        } else if writes("UPDATE orch_queue") && writes("SET lease_expires_at = c.now") {
            Self::Renew
        } else {
            Self::Other
        }
    }
}

/// Whole messages out of a stream of bytes.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    pub(crate) bytes: Vec<u8>,
}

/// One message: its type, and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: u8,
    pub(crate) body: &'a [u8],
}

impl Frames {
    /// Takes the next whole message out, with its type and length. The first message of a client
    /// has no type.
    pub(crate) fn next(&mut self, typed: bool) -> Option<Vec<u8>> {
        let at = usize::from(typed);
        let length = self.bytes.get(at..at + 4)?;
        let length = u32::from_be_bytes(length.try_into().ok()?) as usize + at;
        if self.bytes.len() < length {
            return None;
        }
        let rest = self.bytes.split_off(length);
        Some(std::mem::replace(&mut self.bytes, rest))
    }
}

impl<'a> Frame<'a> {
    /// A typed message.
    pub(crate) fn of(message: &'a [u8]) -> Self {
        Self { kind: message.first().copied().unwrap_or(0), body: message.get(5..).unwrap_or(&[]) }
    }

    /// The texts at the start of the body, each ended by a zero.
    fn texts(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.body.split(|byte| *byte == 0)
    }
}

/// One client's round trips: what is sent until the server has to answer.
#[derive(Debug, Default)]
pub(crate) struct Trips {
    statements: HashMap<Vec<u8>, Class>,
    gathered: Vec<u8>,
    bound: Option<Class>,
    class: Option<Class>,
}

impl Trips {
    /// Takes a message of the client; returns the round trip that it ends.
    pub(crate) fn take(&mut self, message: &[u8]) -> Option<(Class, Vec<u8>)> {
        let frame = Frame::of(message);
        let mut texts = frame.texts();
        match frame.kind {
            b'P' => {
                let name = texts.next().unwrap_or_default().to_vec();
                let sql = String::from_utf8_lossy(texts.next().unwrap_or_default()).into_owned();
                self.statements.insert(name, Class::of(&sql));
            }
            b'B' => self.bound = self.statements.get(texts.nth(1).unwrap_or_default()).copied(),
            b'E' => self.class = self.bound,
            b'Q' => {
                let sql = String::from_utf8_lossy(texts.next().unwrap_or_default()).into_owned();
                self.class = Some(Class::of(&sql));
            }
            _ => {}
        }
        self.gathered.extend_from_slice(message);
        let goes_on = matches!(frame.kind, b'P' | b'B' | b'D' | b'E' | b'C');
        if goes_on {
            return None;
        }
        let class = self.class.take().unwrap_or(Class::Other);
        Some((class, std::mem::take(&mut self.gathered)))
    }
}

/// The server's answer to one round trip, as it comes in.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// All of it, to be passed on after all.
    pub(crate) bytes: Vec<u8>,
    wrote: bool,
    failed: bool,
}

impl Reply {
    /// Takes a message of the server. True if it was the last.
    pub(crate) fn take(&mut self, message: &[u8]) -> bool {
        let frame = Frame::of(message);
        match frame.kind {
            b'C' => {
                let tag =
                    String::from_utf8_lossy(frame.texts().next().unwrap_or_default()).into_owned();
                let rows: u64 = tag.rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
                self.wrote |= tag == "COMMIT" || rows > 0;
            }
            b'E' => self.failed = true,
            _ => {}
        }
        self.bytes.extend_from_slice(message);
        frame.kind == b'Z'
    }

    /// True if something was committed.
    pub(crate) fn committed(&self) -> bool {
        self.wrote && !self.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[kind], length.as_slice(), body].concat()
    }

    #[test]
    fn messages_come_out_whole_however_they_came_in() {
        let (first, second) = (message(b'Q', b"BEGIN\0"), message(b'S', b""));
        let mut frames = Frames::default();
        let mut whole = Vec::new();
        for byte in [first.clone(), second.clone()].concat() {
            frames.bytes.push(byte);
            whole.extend(frames.next(true));
        }
        assert_eq!(whole, [first, second]);
    }

    #[test]
    fn a_round_trip_is_known_by_the_statement_that_it_executes() {
        let mut trips = Trips::default();
        let parse =
            message(b'P', b"s1\0WITH x AS (UPDATE orch_queue SET lease_expires_at = c.now + 1)\0");
        assert_eq!(trips.take(&parse), None);
        assert_eq!(trips.take(&message(b'S', b"")).unwrap().0, Class::Other);
        for part in [message(b'B', b"\0s1\0\0"), message(b'E', b"\0")] {
            assert_eq!(trips.take(&part), None);
        }
        let (class, bytes) = trips.take(&message(b'S', b"")).unwrap();
        assert_eq!((class, bytes.len()), (Class::Renew, 10 + 6 + 5));
        assert_eq!(trips.take(&message(b'Q', b"COMMIT\0")).unwrap().0, Class::Commit);
    }

    #[test]
    fn a_reply_without_rows_committed_nothing() {
        for (tag, committed) in [("SELECT 0", false), ("INSERT 0 3", true), ("COMMIT", true)] {
            let mut reply = Reply::default();
            assert!(!reply.take(&message(b'C', format!("{tag}\0").as_bytes())));
            assert!(reply.take(&message(b'Z', b"I")));
            assert_eq!(reply.committed(), committed, "{tag}");
        }
    }

    #[test]
    fn the_engines_own_statements_are_recognised() {
        for (file, class) in [
            (include_str!("../../../orch-postgres/queries/accept.sql"), Class::Accept),
            (include_str!("../../../orch-postgres/queries/claim.sql"), Class::Claim),
            (include_str!("../../../orch-postgres/queries/renew.sql"), Class::Renew),
            (include_str!("../../../orch-postgres/queries/log.sql"), Class::Log),
            (include_str!("../../../orch-postgres/queries/settle.sql"), Class::Settle),
            (include_str!("../../../orch-postgres/queries/settle_open.sql"), Class::Settle),
            (include_str!("../../../orch-postgres/queries/save.sql"), Class::Move),
            (include_str!("../../../orch-postgres/queries/record.sql"), Class::Tell),
            (include_str!("../../../orch-postgres/queries/refer.sql"), Class::Tell),
            (include_str!("../../../orch-postgres/queries/get.sql"), Class::Other),
        ] {
            assert_eq!(Class::of(file), class, "{}", &file[..60]);
        }
    }
}
