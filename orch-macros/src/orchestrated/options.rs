use syn::{LitStr, Path, Type};

use super::model::limits::{self, Backoff, Kept, Timeout};
use super::model::{BoundByCommand, Choice};
use crate::options::{Given, options};
use crate::shared::{name, time_budget};
use crate::values::Millis;

options! {
    /// What `#[orchestrated(…)]` says; `None` leaves the default to core. A new option is a row
    /// here, a row on its reference page, and one in `tests/macros/options.rs` of the facade.
    Said {
        // as it is written                              the model's field           how it is read               the descriptor's field
        [domain = "PAYMENT"]                             domain: LitStr,             name                      => domain;
        [event = "CHARGE"]                               event: LitStr,              name                      => event_type;
        [provider = orch::Stripe]                        provider: Type,             Given::ty;
        [effect = "keyed"]                               effect: Choice,             Choice::effect            => effect;
        [time_budget = "5m"]                             time_budget: Millis,        time_budget               => time_budget;
        [attempt_timeout = "30s"]                        attempt_timeout: Timeout,   limits::attempt_timeout   => attempt_timeout;
        [max_attempts = 3]                               max_attempts: u32,          limits::max_attempts      => max_attempts;
        [max_uncounted = 100]                            max_uncounted: u32,         limits::max_uncounted     => max_uncounted;
        [backoff(base = "1s", cap = "300s")]             backoff: Backoff,           limits::backoff           => backoff;
        [in_doubt = "retry"]                             in_doubt: Choice,           Choice::in_doubt          => in_doubt;
        [reconcile = path::to::function]                 reconcile: Path,            Given::path;
        [reconcile_timeout = "30s"]                      reconcile_timeout: Timeout, limits::reconcile_timeout => reconcile_timeout;
        [reconcile_backoff(base = "1s", cap = "300s")]   reconcile_backoff: Backoff, limits::backoff           => reconcile_backoff;
        [max_reconciles = 10]                            max_reconciles: u32,        limits::max_reconciles    => max_reconciles;
        [completed_retention = "7d"]                     completed_retention: Kept,  limits::retention         => completed_retention;
        [failed_retention = "30d"]                       failed_retention: Kept,     limits::retention         => failed_retention;
        [finalize = path::to::hook]                      finalize: Path,             Given::path;
        [binding = "command"]                            binding: BoundByCommand,     BoundByCommand::read;
        [crate = path::to::orch]                         krate: Path,                Given::path;
    }
}
