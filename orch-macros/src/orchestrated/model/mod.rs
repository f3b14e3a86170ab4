//! The rules that can be decided without types, by subject.

mod choice;
mod doubt;
pub(super) mod limits;

use syn::{LitStr, Path};

pub(super) use self::choice::{BoundByCommand, Choice};
use super::options::Said;
use super::parse::Function;
use super::signature::{Types, types};
use crate::errors::{Errors, Rule};
use crate::options::Options;
use crate::shared::{krate, require_names};

/// A handler that has passed every rule that can be decided without types.
pub(super) struct Handler<'a> {
    pub(super) krate: Path,
    pub(super) domain: LitStr,
    pub(super) event: LitStr,
    pub(super) said: Said,
    pub(super) types: Types<'a>,
}

/// What is left of a handler with mistakes.
pub(super) struct Fragment<'a> {
    pub(super) krate: Path,
    /// The types of the binding, if this handler is to implement it and they are known.
    pub(super) bound: Option<Types<'a>>,
}

impl<'a> Handler<'a> {
    /// Applies every rule.
    pub(super) fn new(
        mut options: Options,
        function: &'a Function,
        errors: &mut Errors,
    ) -> Result<Self, Fragment<'a>> {
        once(function, errors);
        let mut said: Said = options.read(errors);
        require_names(&options, errors);
        doubt::decide(&mut said, &options, errors);
        bound_by_command(&options, errors);
        limits::within_budget(&said, &options, errors);
        let types = types(&function.signature, errors);
        let krate = krate(said.krate.take());
        match (said.domain.clone(), said.event.clone(), types) {
            (Some(domain), Some(event), Some(types)) if errors.is_empty() => {
                Ok(Self { krate, domain, event, said, types })
            }
            (_, _, types) => {
                Err(Fragment { krate, bound: types.filter(|_| said.binding.is_none()) })
            }
        }
    }
}

/// Who accepts a command may see its type and not this handler.
fn bound_by_command(options: &Options, errors: &mut Errors) {
    let (Some(budget), true) = (options.key("time_budget"), options.has("binding")) else { return };
    Rule {
        rule: "`time_budget` is given where the command holds the binding",
        reason: "the budget begins with the accept, and whoever accepts the command may not be linked with this handler",
        remedy: "write `time_budget` in `#[command(…)]` of the command",
    }
    .at(budget, errors);
}

fn once(function: &Function, errors: &mut Errors) {
    for attribute in function.attributes.iter().filter(|a| Function::is_orchestrated(a)) {
        Rule {
            rule: "a function is orchestrated once",
            reason: "it takes one command, and a command belongs to one domain and event type",
            remedy: "remove one attribute, or write two functions that call a third",
        }
        .at(attribute, errors);
    }
}
