use crate::policies::Contradiction;
use crate::store::{OpenError, StoreError};
use crate::words::{Incarnation, Invalid, Kind, OpId, OtherForm, Phase, Status, Undecodable};

/// Why a runtime did not start. Nothing was claimed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting is out of bounds.
    #[error("the configuration is not valid: {0}")]
    Config(#[source] Invalid),
    /// The URL did not become a store.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store returned an error.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A handler, its reconcile function or its hook takes a `State` that the runtime was not given.
    #[error(
        "handler {handler}, or its reconcile or finalize, takes State<{state}>; give it to the \
         runtime with .state(…)"
    )]
    MissingState {
        /// The handler's path.
        handler: &'static str,
        /// The state's type.
        state: &'static str,
    },
    /// A finalize hook takes another backend's connection.
    #[error(
        "the finalize hook of {handler} takes &mut {hook}, but this store gives &mut {store}; {}",
        for_the_hook(hook, store, *library)
    )]
    HookConnection {
        /// The handler's path.
        handler: &'static str,
        /// The type that the hook takes.
        hook: &'static str,
        /// The type that the store has.
        store: &'static str,
        /// Crate and release of that type, where they are known.
        library: Option<&'static str>,
    },
    /// Two handlers take the same kind.
    #[error("both {first} and {second} handle {kind}; remove one, or give it another event")]
    TwoHandlers {
        /// Domain and event type.
        kind: String,
        /// One handler, with its place.
        first: String,
        /// The other one, with its place.
        second: String,
    },
    /// `only` or `require` names a kind that no handler takes.
    #[error(
        "no handler for {kind} is linked into this program, and .only(…) or .require(…) names it; \
         name something of the crate that has it, such as `use handlers as _;`"
    )]
    NoHandler {
        /// Domain and event type.
        kind: String,
    },
    /// A handler's descriptor breaks a rule.
    #[error("handler {handler} is not valid: {source}")]
    Handler {
        /// The handler's path.
        handler: &'static str,
        /// The rule.
        source: Invalid,
    },
    /// What a handler declares contradicts itself; the attribute refuses that while it compiles.
    #[error("handler {handler} contradicts itself: {rule}")]
    Contradiction {
        /// The handler, with its place.
        handler: String,
        /// The contradiction.
        #[source]
        rule: Contradiction,
    },
    /// The identity of a kind is made otherwise here than in the operations that are stored.
    #[error(transparent)]
    OtherForm(#[from] OtherForm),
    /// The thread for the lease renewal cannot be started.
    #[error("the thread that renews leases cannot be started")]
    Thread(#[source] std::io::Error),
}

/// Why a query for an operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// This owner has no such operation; perhaps it was purged after its retention.
    #[error("there is no operation {op_id}: wrong id, another owner's, or purged")]
    NotFound {
        /// The id asked for.
        op_id: OpId,
    },
    /// The stored output cannot be decoded as the handler's type. The operation is COMPLETED.
    #[error("operation {op_id} is COMPLETED, but its output {reason}")]
    Undecodable {
        /// The operation.
        op_id: OpId,
        /// What is wrong, without the content.
        reason: String,
    },
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an operation was not redriven.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedriveError {
    /// This owner has no such operation.
    #[error("there is no operation {op_id}")]
    NotFound {
        /// The id asked for.
        op_id: OpId,
    },
    /// Only a failed operation can be run again.
    #[error("operation {op_id} is {status}; only a FAILED one can be redriven")]
    NotFailed {
        /// The operation.
        op_id: OpId,
        /// Its status.
        status: Status,
    },
    /// The provider may have acted, and a redrive has a new provider key.
    #[error(
        "it is unknown whether the provider acted on operation {op_id}; look it up at the \
         provider first, then call redrive_uncertain"
    )]
    Uncertain {
        /// The operation.
        op_id: OpId,
    },
    /// Its command is to be the only one for its biz key, and another one is there that has not failed.
    #[error(
        "operation {op_id} is not run again: operation {by} for the same biz key is there and has not \
         failed; redrive once that one has failed"
    )]
    Taken {
        /// The failed operation.
        op_id: OpId,
        /// The one that is there.
        by: OpId,
    },
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a decision was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// This owner has no such operation.
    #[error("there is no operation {op_id}")]
    NotFound {
        /// The id asked for.
        op_id: OpId,
    },
    /// Only a parked operation waits for a decision.
    #[error(
        "operation {op_id} is {status}{}, not parked; its history says what happened, and whether \
         an operator has resolved it",
        in_phase(*phase)
    )]
    NotParked {
        /// The operation.
        op_id: OpId,
        /// Its status.
        status: Status,
        /// Its phase.
        phase: Option<Phase>,
    },
    /// The decision is none for what the operation is parked for.
    #[error("operation {op_id} {}", unfit(*for_hook))]
    Unfit {
        /// The operation.
        op_id: OpId,
        /// True if it is parked for its finalize hook: then its outcome is logged.
        for_hook: bool,
    },
    /// The output is none of the kind's handler, so whoever waits for it could not read it, nor could the
    /// finalize hook.
    #[error(
        "the output is not what the handler of {kind} returns: {source}; give it as \
         `Resolution::ok` of that type, or `resolve_unchecked` if it is to be kept as it is"
    )]
    Output {
        /// The operation's kind.
        kind: Kind,
        /// What is wrong with it, without the content.
        source: Undecodable,
    },
    /// No handler of the kind is linked into this program, so nothing here knows what its output looks like.
    #[error(
        "this program has no handler of {kind}, so it cannot check the output; decide in a program \
         that links it, or with `resolve_unchecked`"
    )]
    Unknown {
        /// The operation's kind.
        kind: Kind,
    },
    /// `who` or `why` is not valid text, or an output is too large.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const fn unfit(for_hook: bool) -> &'static str {
    if for_hook {
        "is parked for its finalize hook: its outcome is logged, so it is not called again; run the \
         hook, skip it, or give another outcome"
    } else {
        "is not parked for a finalize hook, so there is none to run or to skip; its outcome is \
         unknown: say what it is, or run it again"
    }
}

/// Why a confirmation was not kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfirmError {
    /// The database has another incarnation than the one that was seen, or another confirmation was
    /// there first.
    #[error(
        "the newest incarnation is {}, {}; read it again before you confirm",
        newest.number,
        if newest.confirmed { "which is confirmed" } else { "which is unconfirmed" }
    )]
    Stale {
        /// The newest incarnation.
        newest: Box<Incarnation>,
    },
    /// `who` or `why` is not valid text.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Two types of one name are the same type of two releases: no parameter of the hook changes that.
/// The path before the name may have changed between the two.
fn for_the_hook(hook: &str, store: &str, library: Option<&str>) -> String {
    if last_segment(hook) != last_segment(store) {
        return "change the hook's first parameter, or the database URL".to_owned();
    }
    match library {
        Some(library) => format!(
            "the two are of different releases of one crate: orch is built with {library}, so \
             depend on {library} as well; `cargo tree -d` shows both"
        ),
        None => "two releases of its crate are linked: depend on the one that orch has, which \
                 `cargo tree -d` shows"
            .to_owned(),
    }
}

fn last_segment(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

fn in_phase(phase: Option<Phase>) -> String {
    phase.map(|phase| format!(" ({phase})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_with_another_releases_connection_hears_of_the_release() {
        let said = |hook, store, library| {
            StartError::HookConnection { handler: "h", hook, store, library }.to_string()
        };
        assert!(said("a::Conn", "b::Other", None).contains("first parameter"));
        assert!(said("a::Conn", "b::Other", Some("lib 0.9")).contains("first parameter"));
        assert!(said("a::Conn", "a::Conn", None).contains("two releases"));
        for older in ["a::Conn", "a::b::Conn"] {
            let text = said(older, "a::Conn", Some("lib 0.9"));
            assert!(text.contains("orch is built with lib 0.9, so depend on lib 0.9"), "{text}");
        }
    }
}
