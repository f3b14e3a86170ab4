use orch_core::policies::InDoubt;
use orch_core::words::{LogStatus, Phase, Source, Status};
use stateright::Property;

use crate::rules::MAX_RECONCILES;
use crate::world::{End, Entry, Final, Row, Verdict, Work, World, identity};
use crate::{Rules, columns};

/// Whatever has happened: once faults stop, every accepted operation ends, or is parked where
/// its handler declares so; doubt is never claimed for a run where it declares something else.
pub const I1: &str = "I1 accepted operations end, or are parked as declared";
/// One terminal outcome, unchanged since written; the hook's writes are committed with it, once.
pub const I2: &str = "I2 exactly one terminal outcome, unchanged since written";
/// A success is one that the provider gave; what it did is never plainly FAILED. The one way
/// around it is outside of any database: somebody asks the provider and is told that it has not
/// acted, and then a call arrives that a worker sent after it had lost its lease
/// ([`Book::acted_after_denial`](crate::Book)).
pub const I3: &str = "I3 an outcome says what the provider did";
/// `calls <= 1 + retries + lost attempts`, and no more than attempts allowed.
pub const I4: &str = "I4 calls are bounded";
/// Every call carries the same provider key once one was not answered: it may have taken effect
/// unheard, or still be on its way when somebody is told that nothing has happened.
pub const I5: &str = "I5 one provider key once a call was not answered";
/// Same identity, one operation; every client is told of it.
pub const I6: &str = "I6 same key and body, one operation";
/// A pass of the Reaper leaves no lease that has run out, and takes none that has not.
pub const I7: &str = "I7 leases are taken back when they have expired";
/// Fences only grow; nobody writes under a fence that is not current.
pub const I8: &str = "I8 fences only grow, and guard every write";
/// The provider acts once at most for one operation, with the same one way around it as I3.
pub const I9: &str = "I9 sums are equal: no operation acts twice";

/// All that must hold in every state.
pub const INVARIANTS: [&str; 9] = [I1, I2, I3, I4, I5, I6, I7, I8, I9];

/// What must be possible, or the model would hold because nothing happens in it.
pub const WITNESSES: [&str; 8] = [
    "an operation is COMPLETED after a lost attempt",
    "an operation is FAILED and uncertain",
    "an operator resolves a parked operation",
    "an answer comes too late",
    "a worker that has lost its lease is about to call",
    "a time budget ends before the first call",
    "a claim that the database has lost answers",
    "an operator has a hook run again that was given up",
];

/// The invariants and the witnesses.
pub(crate) fn properties() -> Vec<Property<Rules>> {
    let always = |name, holds| Property::<Rules>::always(name, holds);
    let sometimes = |name, holds| Property::<Rules>::sometimes(name, holds);
    vec![
        always(I1, |rules, world: &World| {
            !world.audit.run_in_doubt
                && world.operations().all(|(op, row)| parked_as_declared(rules, op, row))
                && world.heals(rules)
        }),
        always(I2, |rules, world| {
            !world.audit.end_changed && world.operations().all(|(op, row)| one_end(rules, op, row))
        }),
        always(I3, |rules, world| {
            is_misled(rules, world) || world.operations().all(|(op, row)| truthful(world, op, row))
        }),
        always(I4, |rules, world| {
            is_misled(rules, world)
                || world.operations().all(|(op, row)| {
                    let calls = u32::from(world.books[op].calls);
                    let again = u32::from(world.ran_again) + u32::from(world.histories);
                    calls <= 1 + u32::from(row.retries) + u32::from(row.lost_attempts)
                        && calls <= rules.max_attempts + again
                })
        }),
        always(I5, |rules, world| {
            is_misled(rules, world) || !world.books.iter().any(|book| book.key_changed)
        }),
        always(I6, |_, world| {
            let mut identities: Vec<_> = world.operations().map(|(op, _)| identity(op)).collect();
            let all = identities.len();
            identities.dedup();
            all == identities.len() && !world.audit.told_wrong
        }),
        always(I7, |rules, world| {
            let mut reaped = world.clone();
            (0..reaped.rows.len()).for_each(|op| {
                reaped.reap(rules, op);
            });
            let expired = |row: &Row| row.lease_expires_at.is_some_and(|at| at <= world.now);
            !world.audit.taken_early && !reaped.operations().any(|(_, row)| expired(row))
        }),
        always(I8, |_, world| {
            let audit = world.audit;
            !audit.fence_fell
                && !audit.stale_write
                && world.operations().all(|(_, row)| fenced(row))
        }),
        always(I9, |rules, world| {
            is_misled(rules, world)
                || world.books.iter().all(|book| book.acts <= 1 || book.acted_after_denial)
        }),
        sometimes(WITNESSES[0], |_, world| {
            world
                .operations()
                .any(|(_, row)| row.status == Status::Completed && row.lost_attempts > 0)
        }),
        sometimes(WITNESSES[1], |_, world| {
            let uncertain = |row: &Row| {
                matches!(row.outcome, Some(Final::Failed(Verdict { uncertain: true, .. })))
            };
            world.operations().any(|(_, row)| uncertain(row))
        }),
        sometimes(WITNESSES[2], |_, world| {
            let resolved = |row: &Row| row.log.iter().any(|entry| entry.source == Source::Operator);
            world.operations().any(|(_, row)| resolved(row))
        }),
        sometimes(WITNESSES[3], |_, world| {
            let late = |row: &Row| row.log.iter().any(|entry| entry.late && entry.end == End::Ok);
            world.operations().any(|(_, row)| late(row))
        }),
        sometimes(WITNESSES[4], |_, world| {
            let late = |work| matches!(work, Work::Attempt(claim) if world.is_superseded(claim));
            world.workers.iter().any(|worker| !worker.paused && late(worker.work))
        }),
        sometimes(WITNESSES[5], |_, world| {
            let uncalled = |row: &Row| {
                matches!(row.outcome, Some(Final::Failed(Verdict { called: false, .. })))
            };
            world.operations().any(|(_, row)| uncalled(row))
        }),
        sometimes(WITNESSES[6], |_, world| {
            let lost = |row: &Row, entry: &Entry| {
                entry.late
                    && entry.fence != row.fence
                    && columns::count(entry.fence) == columns::count(row.fence)
            };
            world.operations().any(|(_, row)| row.log.iter().any(|entry| lost(row, entry)))
        }),
        sometimes(WITNESSES[7], |_, world| {
            let by = |row: &Row, source| row.log.iter().any(|entry| entry.source == source);
            world.operations().any(|(_, row)| {
                let twice = by(row, Source::Handler) && by(row, Source::Operator);
                twice && row.status == Status::Completed && row.marks == 1 && row.lost_attempts == 0
            })
        }),
    ]
}

/// Looks at what a step has changed, as a trigger in the database would.
pub(crate) fn watch(rules: &Rules, before: &World, after: &mut World) {
    let histories = after.histories;
    for op in 0..after.rows.len() {
        let Some(new) = after.rows[op].as_mut() else { continue };
        new.forget(rules.declared(op));
        if new.first_end.is_none() {
            new.first_end = new.outcome;
        }
        let Some(old) = before.rows[op].as_ref() else { continue };
        if new.fence < old.fence && histories == before.histories {
            after.audit.fence_fell = true;
        }
        if old.status.is_terminal() && (old.status, old.outcome) != (new.status, new.outcome) {
            after.audit.end_changed = true;
        }
    }
}

fn parked_as_declared(rules: &Rules, op: usize, row: &Row) -> bool {
    row.phase != Some(Phase::Parked)
        || (rules.hooks_give_up && row.log.iter().any(|entry| is_given_up(row, entry)))
        || match rules.declared(op).in_doubt {
            InDoubt::Park => true,
            InDoubt::Reconcile => u32::from(row.reconciles) >= MAX_RECONCILES,
            InDoubt::Retry => {
                rules.declared(op).key_lifetime.is_some() && row.first_called_at.is_some()
            }
            InDoubt::Fail => false,
        }
}

/// True if the operation is parked for the hook of this entry.
fn is_given_up(row: &Row, entry: &Entry) -> bool {
    entry.fence == row.fence && entry.status == LogStatus::Pending && entry.due_at.is_none()
}

fn one_end(rules: &Rules, op: usize, row: &Row) -> bool {
    let terminal = row.status.is_terminal();
    let whole = row.outcome.map(Final::status) == terminal.then_some(row.status);
    let hooked = terminal && rules.declared(op).hooked && !row.skipped;
    whole && row.outcome == row.first_end && row.marks == u8::from(hooked)
}

fn truthful(world: &World, op: usize, row: &Row) -> bool {
    let book = world.books[op];
    match row.outcome {
        None => true,
        Some(Final::Ok) => book.acts > 0,
        Some(Final::Failed(Verdict { uncertain, called })) => {
            (uncertain || book.acts == 0 || book.acted_after_denial) && (called || book.calls == 0)
        }
    }
}

/// A database that has lost a claim and has not noticed it knows nothing of its call: it counts one
/// too few, and what it says of the provider may be wrong. Its guards hold all the same.
const fn is_misled(rules: &Rules, world: &World) -> bool {
    world.histories > 0 && !rules.notices_losses
}

/// A fence has one entry, which is PENDING only while the fence is the operation's. A late one may
/// be of a claim that the database has lost.
fn fenced(row: &Row) -> bool {
    let mut fences: Vec<_> = row.log.iter().filter(|e| !e.late).map(|e| e.fence).collect();
    fences.sort_unstable();
    let all = fences.len();
    fences.dedup();
    let current = |entry: &Entry| {
        entry.late
            || entry.fence <= row.fence
                && (entry.status != LogStatus::Pending || entry.fence == row.fence)
    };
    all == fences.len() && row.log.iter().all(current)
}
