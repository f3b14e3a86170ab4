//! orch: annotate one async function that calls an external API; the call survives crashes,
//! retries and lost answers.
//!
//! The package is called `orchestrated`, the library in it `orch`: `cargo add orchestrated`, then
//! `use orch::…`.
//!
//! ```
//! use orch::prelude::*;
//!
//! #[derive(Serialize, Deserialize, Command)]
//! #[command(biz_key = "ORDER-{order_id}")]
//! struct Charge {
//!     order_id: u64,
//!     #[command(idem_key)]
//!     request_id: String,
//! }
//!
//! #[derive(Debug, thiserror::Error, Outcome)]
//! #[outcome(in_doubt)]
//! #[error("no answer")]
//! struct NoAnswer;
//!
//! #[orchestrated(domain = "PAYMENT", event = "CHARGE")]
//! async fn charge(cmd: Charge, ctx: Context) -> Result<String, NoAnswer> {
//!     // Call the provider with `ctx.provider_key()` here.
//!     Ok(format!("receipt for {}", cmd.order_id))
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Runtime::connect("memory:").start().await?;
//! let orchestrator = runtime.orchestrator();
//! let accepted = orchestrator.accept(Charge { order_id: 1, request_id: "r-1".into() }).await?;
//! let waited = orchestrator.wait(&accepted, Duration::from_secs(10)).await?;
//! assert_eq!(waited, Waited::Ok("receipt for 1".to_owned()));
//! let _ = runtime.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! | to … | see |
//! |---|---|
//! | write a command, its errors, its handler | [`macro@Command`], [`macro@Outcome`], [`macro@orchestrated`] |
//! | declare which API is called, and what a repeated call does there | `provider` and `effect` of [`macro@orchestrated`], [`Provider`], [`providers`] |
//! | send the idempotency key that makes a repeated call the same call | [`Context::provider_key`], [`ProviderKey::header`] |
//! | call over HTTP: a client that sends a call once, its answer as your type (feature `reqwest`), how an attempt ends with a status | [`http`], `docs/book/calling-over-http.md` |
//! | call over gRPC: how an attempt ends with a `tonic::Status` (feature `tonic`) | [`grpc`], `docs/book/calling-over-grpc.md` |
//! | send mail: one mail once, the `Message-ID` of the provider key (feature `lettre`) | [`mail`], `docs/book/sending-mail.md` |
//! | ask the provider what happened, write your own rows with the outcome | `reconcile` and `finalize` of [`macro@orchestrated`] |
//! | change what a command looks like, look before a deploy | `version` and `upgrade` of [`macro@Command`], [`RuntimeBuilder::check`] |
//! | start a runtime, give handlers their state, only accept | [`Runtime::connect`], [`RuntimeBuilder::state`], [`RuntimeBuilder::without_worker`] |
//! | accept an operation, even inside your own transaction (the outbox) | [`Orchestrator::accept`], [`Accept::within`], [`Orchestrator::wake`] |
//! | wait for the outcome, look at what happened | [`Orchestrator::wait`], [`Orchestrator::history`] |
//! | list parked operations and resolve them | [`Orchestrator::parked`], [`Orchestrator::resolve`] |
//! | say that the provider has accepted a call and tells later what becomes of it | `submitted` of [`macro@Outcome`], [`Submitted`], [`Orchestrator::record_answer`] |
//! | find answers that contradict an outcome | [`Orchestrator::divergent`], [`Orchestrator::history`] |
//! | run a failed operation again | [`Orchestrator::dead_letter`], [`Orchestrator::redrive`] |
//! | set leases, slots, retention, timeouts | [`Config`] |
//! | call a handler in a unit test | [`Context::for_test`], [`State::new`] |
//! | kill your own handler at every boundary, in a test | `orch_testkit::crash_matrix` |
//! | look up what happens when a process dies or a provider misbehaves | `docs/book/what-happens-when.md` |
//! | run it on a database that fails over, is restored or is behind a pooler | `docs/book/databases.md`, `docs/book/backups.md` |
//! | know what an attempt costs, call a provider that limits its callers | `docs/book/attempts.md` |
//! | find your provider among the ready contracts, confirm what a browser has authorised | `docs/book/providers.md`, `docs/book/confirm-flows.md` |
//! | start one operation after another, wait for many, poll for a long call | `docs/book/waiting-for-others.md`, `docs/book/polling.md` |
//! | know what a provider's SDK does by itself | `docs/book/your-providers-sdk.md` |
//! | test a service, end a process | `docs/book/testing.md`, `docs/book/shutdown.md` |
//!
//! orch logs through `tracing`: install a subscriber, or a database that is down and a hook that
//! fails stay silent. It exports metrics through `metrics`: install a recorder before the start;
//! [`metrics`](mod@metrics) lists them all.
//!
//! This crate only re-exports, grouped by the steps of the flow; [`prelude`] has what a module
//! with handlers needs.

pub mod prelude;

// The macros. `Command` and `Outcome` are types as well, in another namespace.
#[doc = include_str!("macros/command.md")]
pub use orch_macros::Command;
#[doc = include_str!("macros/outcome.md")]
pub use orch_macros::Outcome;
#[doc = include_str!("macros/orchestrated.md")]
pub use orch_macros::orchestrated;

// What a handler is made of.
pub use orch_core::handler::{
    Context, HandledCommand, HandlerError, KeyFromCaller, KeyGiven, KeyInCommand, Reconciled,
    State, Storable, TypedCommand,
};
pub use orch_core::policies::{Ending, Says, Submitted, grpc, http};
pub use orch_core::words::{Failure, FinalOutcome, Outcome, Waited};

pub mod mail;

// What a provider promises about its keys.
pub mod providers;

pub use orch_core::provider::catalogue::{CheckoutCom, Qonto, Square, Stripe};
pub use orch_core::provider::{
    AnyProvider, Keeps, KeyAlphabet, KeyForm, KeyLifetime, KeyPlace, Provider, ProviderKey,
    Published, Repeat, Unkeyed, Word,
};

// Starting a runtime.
pub use orch_core::metrics;
pub use orch_core::runtime::{
    Checked, CheckedKind, Config, Drained, Lack, Runtime, RuntimeBuilder, StartError, Unhandled,
};
pub use orch_core::words::KeyNamespace;

// Accepting.
pub use orch_core::flow::{AcceptError, Disposition};
pub use orch_core::runtime::{Accept, Accepted, Orchestrator};
pub use orch_core::words::{
    BizKey, CannotRead, Command, Domain, Envelope, EventType, IdemKey, Identity, IdentityForm,
    Invalid, Kind, OpId, OtherForm, Owner, Payload, StoredForm,
};

// What providers tell later.
pub use orch_core::runtime::{MessageAbout, RecordError, Recorded};
pub use orch_core::store::Unmatched;
pub use orch_core::words::Reference;

// Waiting, looking, deciding.
pub use orch_core::flow::HistoryEntry;
pub use orch_core::policies::{Bearing, Effect};
pub use orch_core::runtime::{
    ConfirmError, Divergent, Parked, QueryError, RedriveError, ResolveError,
};
pub use orch_core::store::{Cursor, Finalized, ListParams, Listed, Page, Resolution};
pub use orch_core::words::{
    AttemptEnd, Confirmation, DeadLetter, Fence, Incarnation, LogEntry, LogStatus, Operation,
    Phase, Source, Status, Timestamp, WorkerId, code,
};

// Backends.
pub use orch_core::store::{AcceptIn, Store, StoreError};
#[cfg(feature = "postgres")]
pub use orch_postgres as postgres;
#[cfg(feature = "sqlite")]
pub use orch_sqlite as sqlite;

/// The store without a database, for tests and for trying things out: the URL `memory:`.
pub mod memory {
    pub use orch_core::memory::{MemoryConnection, MemoryStore};
}

/// The engine by module, for backends, tools and tests of orch. Not public: nothing here is covered
/// by semantic versioning.
#[doc(hidden)]
pub mod internals {
    pub use orch_core::{
        flow, handler, machine, memory, metrics, policies, provider, runtime, store, upkeep, words,
    };
}

/// What the macros emit, item by item. Not public: nothing here is covered by semantic versioning.
#[doc(hidden)]
pub mod __private {
    // Of the standard library, for code under `#![no_implicit_prelude]`.
    pub use std::concat;
    pub use std::file;
    pub use std::line;
    pub use std::module_path;
    pub use std::option::Option::{self, None, Some};
    pub use std::primitive::{bool, str, u32};
    pub use std::result::Result;
    pub use std::string::String;
    pub use std::time::Duration;
    pub use std::vec::Vec;

    // `derive(Command)`.
    pub use orch_core::handler::emitted::{key, key_part, upgrade};
    pub use orch_core::handler::{HandledCommand, KeyFromCaller, KeyInCommand, TypedCommand};
    pub use orch_core::words::{CannotRead, IdentityForm, Payload, Reading};

    // `derive(Outcome)`.
    pub use orch_core::handler::HandlerError;
    pub use orch_core::handler::emitted::{after, reference_text, underneath};
    pub use orch_core::policies::{Ending, Submitted};

    // `#[orchestrated]`.
    pub use inventory;
    pub use orch_core::handler::emitted::{
        Argument, argument, bound, checks, contract, domain_is, event_is, needs, timeout_fits,
    };
    pub use orch_core::handler::{Descriptor, HandlerResult, Registration};
    pub use orch_core::policies::{Backoff, Effect, InDoubt};
    pub use orch_core::provider::AnyProvider;
    pub use orch_core::store::HookFn;

    /// The type of the static that a handler exports under its domain and event type. It has a
    /// size, so that no two of them share an address.
    pub type Unique = u8;
}
