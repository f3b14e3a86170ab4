use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::mem::{Discriminant, discriminant};

use super::{RuntimeBuilder, StartError};
use crate::flow::{Handler, Handlers};
use crate::handler::caught;
use crate::machine::Purpose;
use crate::store::{Page, Store, StoreError, Unfinished, UnfinishedOperation, UnfinishedParams};
use crate::words::{AttemptEnd, CannotRead, Kind, OpId, Outcome, Owner, one_line};

/// Operations on a page.
const PAGE: usize = 100;
/// Operations that are named of one kind for one lack; all are counted.
const NAMED: u64 = 20;

/// What a look at the unfinished operations of a database has found: which of them this program could
/// not carry on. No payload and no key is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Checked {
    /// The kinds that have unfinished operations, in the order of their names.
    pub kinds: Vec<CheckedKind>,
    /// Operations whose row, or whose log, cannot be decoded by this program.
    pub undecodable: u64,
    /// Those that this program could not carry on, in the order of their ids; of one kind and one lack the
    /// first 20.
    pub unhandled: Vec<Unhandled>,
}

/// The unfinished operations of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckedKind {
    /// The kind.
    pub kind: Kind,
    /// How many were read.
    pub read: u64,
    /// How many of them this program could not carry on.
    pub unhandled: u64,
}

/// An operation that this program could not carry on: its workers would give it back, or leave it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unhandled {
    /// The operation.
    pub op_id: OpId,
    /// Whose it is, and its kind; `None` if its row, or its log, cannot be decoded.
    pub of: Option<(Owner, Kind)>,
    /// What is missing.
    pub lack: Lack,
}

/// What a program lacks to carry an operation on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lack {
    /// A handler of its kind.
    #[error("this program has no handler of its kind")]
    Handler,
    /// A type that reads its payload: it is of a later version, say, or has a field that the type
    /// does not have.
    #[error("its payload {0}")]
    Command(CannotRead),
    /// A finalize hook: its last worker had one. Where neither an outcome nor a doubt of that worker is
    /// left, this program would run it, and end it without the hook.
    #[error("its last worker had a finalize hook, and its handler here has none")]
    Hook,
    /// A reconcile: it is in doubt, or runs and may end so.
    #[error(
        "it is to be reconciled if its call ends in doubt, and its handler here has no reconcile"
    )]
    Reconcile,
    /// A type that reads the output which is logged, and not finalized yet.
    #[error("it has succeeded and is not finalized yet, and its output {0}")]
    Output(CannotRead),
    /// A release of orch that reads its row.
    #[error("it cannot be decoded: {reason}")]
    Row {
        /// What is wrong, without the content.
        reason: String,
    },
}

impl Checked {
    /// True if this program could carry on every operation that it has read.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.undecodable == 0 && self.kinds.iter().all(|kind| kind.unhandled == 0)
    }
}

impl RuntimeBuilder {
    /// Looks before a deploy: reads every unfinished operation of all owners with the handlers of this
    /// program, and says which ones it could not carry on. Nothing is claimed and nothing is written; the
    /// schema is not migrated either, so one that is behind is an error. No `state` is needed.
    ///
    /// A handler that [`only`](RuntimeBuilder::only) leaves out counts as missing. Operations that are
    /// accepted meanwhile may be left out, and so may those of a host whose clock is ahead. It reads page by page, 100 operations at a time; on SQLite
    /// each page passes over finished operations.
    ///
    /// ```
    /// # async fn before_a_deploy() -> Result<(), Box<dyn std::error::Error>> {
    /// # use orch_core::runtime::Runtime;
    /// let checked = Runtime::connect("memory:").check().await?;
    /// for unhandled in &checked.unhandled {
    ///     println!("{unhandled}");
    /// }
    /// assert!(checked.is_clear(), "operations under way need what this release does not have");
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(before_a_deploy()).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`StartError`], for what would keep the runtime from starting, except for states that are not
    /// given; [`StoreError::SchemaTooOld`] in it where the schema is behind.
    pub async fn check(self) -> Result<Checked, StartError> {
        let (store, handlers) = self.for_a_look().await?;
        Ok(look_at_all(&*store, &handlers).await?)
    }
}

async fn look_at_all(store: &dyn Store, handlers: &Handlers) -> Result<Checked, StoreError> {
    let began = store.now().await?;
    let mut counted = Counted::default();
    let mut after = None;
    loop {
        let params = UnfinishedParams { after, limit: PAGE };
        let Page { items, next } = store.unfinished(params).await?;
        // Otherwise it would not end where commands are accepted faster than they are read here.
        let is_new = |one: &Unfinished| matches!(one, Unfinished::Operation(it) if it.request.accepted_at > began);
        after = next.filter(|_| !items.iter().all(is_new));
        for unfinished in items {
            counted.add(unfinished, handlers);
        }
        if after.is_none() {
            return Ok(counted.checked());
        }
    }
}

#[derive(Default)]
struct Counted {
    kinds: BTreeMap<Kind, (u64, u64)>,
    undecodable: u64,
    /// How many lack the same.
    alike: HashMap<(Option<Kind>, Discriminant<Lack>), u64>,
    named: Vec<Unhandled>,
}

impl Counted {
    fn add(&mut self, unfinished: Unfinished, handlers: &Handlers) {
        match unfinished {
            Unfinished::Operation(operation) => {
                let kind = operation.row.policy.kind.clone();
                let lack = lack(&operation, handlers.get(&kind).map(|handler| &**handler));
                let (read, unhandled) = self.kinds.entry(kind.clone()).or_default();
                *read += 1;
                if let Some(lack) = lack {
                    *unhandled += 1;
                    let owner = operation.request.identity.owner;
                    self.name(operation.row.op_id, Some((owner, kind)), lack);
                }
            }
            Unfinished::Undecodable { op_id, reason } => {
                self.undecodable += 1;
                self.name(op_id, None, Lack::Row { reason });
            }
        }
    }

    fn name(&mut self, op_id: OpId, of: Option<(Owner, Kind)>, lack: Lack) {
        let kind = of.as_ref().map(|(_, kind)| kind.clone());
        let alike = self.alike.entry((kind, discriminant(&lack))).or_default();
        *alike += 1;
        if *alike <= NAMED {
            self.named.push(Unhandled { op_id, of, lack });
        }
    }

    fn checked(self) -> Checked {
        let kind = |(kind, (read, unhandled))| CheckedKind { kind, read, unhandled };
        Checked {
            kinds: self.kinds.into_iter().map(kind).collect(),
            undecodable: self.undecodable,
            unhandled: self.named,
        }
    }
}

/// What a program with this handler lacks for the operation; `None` if nothing.
fn lack(operation: &UnfinishedOperation, handler: Option<&Handler>) -> Option<Lack> {
    let UnfinishedOperation { request, row, logged } = operation;
    let Some(handler) = handler else { return Some(Lack::Handler) };
    if row.policy.hooked && handler.hook.is_none() {
        return Some(Lack::Hook);
    }
    let checks = handler.registration.checks;
    // An outcome is logged: the handler is not needed any more, only what finalizes it.
    match logged.as_ref().map(|entry| &entry.log.end) {
        Some(AttemptEnd::Outcome(Outcome::Ok { output })) => {
            let read = checks.map(|checks| caught(|| Ok((checks.stored_output)(output)?)));
            return read.and_then(Result::err).map(Lack::Output);
        }
        Some(AttemptEnd::Outcome(Outcome::Fail(_))) => return None,
        _ => {}
    }
    let may_be_in_doubt = row.is_unresolved() || row.purpose().is_some();
    let reconciled = Purpose::of(may_be_in_doubt, row.policy.in_doubt, handler.policy.in_doubt);
    if reconciled == Purpose::Reconcile && handler.registration.reconcile.is_none() {
        return Some(Lack::Reconcile);
    }
    let read = checks.map(|checks| (checks.command)(&request.payload));
    read.and_then(Result::err).map(Lack::Command)
}

impl fmt::Display for Unhandled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.op_id)?;
        if let Some((owner, kind)) = &self.of {
            write!(f, " {kind}")?;
            if !owner.as_str().is_empty() {
                write!(f, " of {:?}", owner.as_str())?;
            }
        }
        write!(f, ": {}", one_line(&self.lack.to_string()))
    }
}

impl fmt::Display for CheckedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, read, unhandled } = self;
        write!(f, "{kind}: {read} read, {unhandled} that this program could not carry on")
    }
}
