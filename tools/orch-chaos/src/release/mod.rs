//! Two releases of one application, in one binary: a process plays either.
//!
//! Two handlers of one kind do not link, so each release declares its own under a domain of its own,
//! and a worker runs those of its release under the domain that both share. Everything else is what
//! the attribute makes.

use std::time::Duration;

use clap::ValueEnum;
use orch::internals::flow::AcceptError;
use orch::internals::handler::{Checks, Descriptor, Registration};
use orch::{HandledCommand, KeyFromCaller, OpId, Orchestrator, RuntimeBuilder};
use orch_lab::store::Backend;
use serde::{Deserialize, Serialize};

use crate::order::{Order, Product};

mod kind;
mod new;
mod old;

pub(crate) use new::{Slip, fee};

/// Which of the two a process is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Release {
    /// Before the deploy.
    Old,
    /// After it.
    New,
}

/// Where the kinds of both releases live, as the database knows them.
pub(crate) const DOMAIN: &str = "CHAOS";

impl Release {
    /// Every other client, and so every other order.
    pub(crate) const fn of_client(lane: u64) -> Self {
        if lane.is_multiple_of(2) { Self::Old } else { Self::New }
    }

    /// The other one.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Old => Self::New,
            Self::New => Self::Old,
        }
    }

    /// What its handlers declare, for the checker.
    pub(crate) fn max_attempts(self, product: Product) -> u32 {
        match (self, product) {
            (Self::Old, Product::AttemptsChanged) => old::FEW_ATTEMPTS,
            (_, product) if product.has_contract() => crate::contracts::MAX_ATTEMPTS,
            _ => crate::handlers::MAX_ATTEMPTS,
        }
    }

    /// Whether its handler has a finalize hook, for the checker.
    pub(crate) const fn has_hook(self, product: Product) -> bool {
        match product {
            Product::Capture | Product::OutputChanged => true,
            Product::HookAdded => matches!(self, Self::New),
            _ => false,
        }
    }

    /// Whether its handler asks the provider about doubt, for the checker.
    pub(crate) const fn reconciles(self, product: Product) -> bool {
        match product {
            Product::Transfer | Product::Seat => true,
            Product::ReconcileAdded => matches!(self, Self::New),
            _ => false,
        }
    }

    /// Has a worker run the handlers of this release.
    pub(crate) fn equip(self, builder: RuntimeBuilder, backend: Backend) -> RuntimeBuilder {
        Product::CHANGED.iter().fold(builder, |builder, product| {
            match self.registration(backend, *product) {
                Some(registration) => builder.replace(registration),
                // The start says that the kind is missing.
                None => builder,
            }
        })
    }

    fn registration(self, backend: Backend, product: Product) -> Option<Registration> {
        let [any, embedded] = match self {
            Self::Old => ["CHAOS.OLD", "CHAOS.OLD.EMBEDDED"],
            Self::New => ["CHAOS.NEW", "CHAOS.NEW.EMBEDDED"],
        };
        let declared = |domain: &str| {
            inventory::iter::<Registration>.into_iter().copied().find(|it| {
                it.descriptor.domain == domain && it.descriptor.event_type == product.event()
            })
        };
        // Hooks take a connection of their database.
        let ours = if backend == Backend::Sqlite { declared(embedded) } else { None };
        let registration = ours.or_else(|| declared(any))?;
        let descriptor = Descriptor { domain: DOMAIN, ..registration.descriptor };
        let checks = match product {
            // Old workers come back after new ones here, and the start of one that names form 1 is refused
            // once form 2 is stored. So workers of this kind name none: what clients accept decides.
            Product::IdentityChanged => {
                registration.checks.map(|checks| Checks { form: None, ..checks })
            }
            _ => registration.checks,
        };
        Some(Registration { descriptor, checks, ..registration })
    }

    /// Accepts an order as a client of this release does, typed.
    pub(crate) async fn accept(
        self,
        orchestrator: &Orchestrator,
        order: Order,
        amount: u64,
        time_budget: Duration,
    ) -> Result<OpId, AcceptError> {
        let asked = Asked { orchestrator, order, amount, time_budget };
        match self {
            Self::Old => old::accept(asked).await,
            Self::New => new::accept(asked).await,
        }
    }
}

/// What a client sends.
#[derive(Clone, Copy)]
struct Asked<'a> {
    orchestrator: &'a Orchestrator,
    order: Order,
    amount: u64,
    time_budget: Duration,
}

impl Asked<'_> {
    async fn send<C>(self, command: C) -> Result<OpId, AcceptError>
    where
        C: HandledCommand<Key = KeyFromCaller>,
    {
        let Self { orchestrator, order, time_budget, .. } = self;
        let accepting = orchestrator.accept(command).idem_key(order.idem_key())?;
        Ok(accepting.time_budget(time_budget).await?.op_id)
    }
}
