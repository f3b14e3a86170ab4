//! The rules that can be decided without types, by subject.

mod doubt;
mod effect;
mod limits;
mod written;

use std::time::Duration;

use syn::{LitStr, Path, Type};

pub(super) use self::doubt::{Asking, InDoubt};
pub(super) use self::effect::Effect;
pub(super) use self::limits::Backoff;
use super::parse::Function;
use super::signature::{Types, types};
use crate::errors::{Errors, Rule};
use crate::options::Options;
use crate::shared::{krate, name};

const OPTIONS: [&str; 15] = [
    "domain",
    "event",
    "provider",
    "effect",
    "attempt_timeout",
    "max_attempts",
    "backoff",
    "in_doubt",
    "reconcile",
    "reconcile_timeout",
    "reconcile_backoff",
    "max_reconciles",
    "finalize",
    "binding",
    "crate",
];

/// A handler that has passed every rule that can be decided without types.
pub(super) struct Handler<'a> {
    pub(super) krate: Path,
    pub(super) domain: LitStr,
    pub(super) event: LitStr,
    /// `None`, here and below, leaves the default to core.
    pub(super) provider: Option<Type>,
    pub(super) effect: Option<Effect>,
    pub(super) attempt_timeout: Option<Duration>,
    pub(super) max_attempts: Option<u32>,
    pub(super) backoff: Option<Backoff>,
    pub(super) in_doubt: Option<InDoubt>,
    pub(super) finalize: Option<Path>,
    pub(super) binding: Binding,
    pub(super) types: Types<'a>,
}

/// Who implements `HandledCommand`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    /// This handler.
    Handler,
    /// The command's derive, perhaps in another crate; the handler must agree.
    Command,
}

/// What is left of a handler with mistakes.
pub(super) struct Fragment<'a> {
    pub(super) krate: Path,
    pub(super) binding: Binding,
    /// There if the signature is without mistakes.
    pub(super) types: Option<Types<'a>>,
}

impl<'a> Handler<'a> {
    /// Applies every rule.
    pub(super) fn new(
        options: Options,
        function: &'a Function,
        errors: &mut Errors,
    ) -> Result<Self, Fragment<'a>> {
        once(function, errors);
        let mut options = options.only(&OPTIONS, errors);
        let krate = krate(&mut options, errors);
        let domain = name("domain", "PAYMENT", &mut options, errors);
        let event = name("event", "CHARGE", &mut options, errors);
        let provider = provider(&mut options, errors);
        let effect = effect::effect(&mut options, errors);
        let attempt_timeout = limits::attempt_timeout(&mut options, errors);
        let max_attempts = limits::max_attempts(&mut options, errors);
        let backoff = limits::backoff("backoff", &mut options, errors);
        let in_doubt = doubt::in_doubt(effect.as_ref(), &mut options, errors);
        let finalize = finalize(&mut options, errors);
        let binding = binding(&mut options, errors);
        let types = types(&function.signature, errors);
        match (domain, event, types) {
            (Some(domain), Some(event), Some(types)) if errors.is_empty() => Ok(Self {
                krate,
                domain,
                event,
                provider,
                effect,
                attempt_timeout,
                max_attempts,
                backoff,
                in_doubt,
                finalize,
                binding,
                types,
            }),
            (_, _, types) => Err(Fragment { krate, binding, types }),
        }
    }
}

fn once(function: &Function, errors: &mut Errors) {
    for attribute in function.attributes.iter().filter(|a| Function::is_orchestrated(a)) {
        errors.at(
            attribute,
            &Rule {
                rule: "a function is orchestrated once",
                reason: "it takes one command, and a command belongs to one domain and event type",
                remedy: "remove one attribute, or write two functions that call a third",
            },
        );
    }
}

fn provider(options: &mut Options, errors: &mut Errors) -> Option<Type> {
    options.take("provider")?.ty("provider = orch::Stripe", errors)
}

fn finalize(options: &mut Options, errors: &mut Errors) -> Option<Path> {
    options.take("finalize")?.path("finalize = path::to::hook", errors)
}

fn binding(options: &mut Options, errors: &mut Errors) -> Binding {
    let choice =
        options.take("binding").and_then(|entry| written::choice(entry, &["command"], errors));
    if choice.is_some() { Binding::Command } else { Binding::Handler }
}
