#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]
//! The macros of orch.
//!
//! Each one goes through four stages, a file each: **parse** (what was written, with its
//! places), **model** (the rules, all of them), **expand** (cannot fail), and **fallback** for
//! input with mistakes, which keeps the rest of the user's program compiling, so that one
//! mistake is one error.

mod command;
mod errors;
mod options;
mod orchestrated;
mod outcome;
mod shared;
mod values;

use proc_macro::TokenStream;

#[doc = include_str!("../docs/orchestrated.md")]
#[proc_macro_attribute]
pub fn orchestrated(args: TokenStream, item: TokenStream) -> TokenStream {
    errors::finish(orchestrated::expand(args.into(), item.into())).into()
}

#[doc = include_str!("../docs/command.md")]
#[proc_macro_derive(Command, attributes(command))]
pub fn command(item: TokenStream) -> TokenStream {
    errors::finish(command::expand(item.into())).into()
}

#[doc = include_str!("../docs/outcome.md")]
#[proc_macro_derive(Outcome, attributes(outcome))]
pub fn outcome(item: TokenStream) -> TokenStream {
    errors::finish(outcome::expand(item.into())).into()
}
