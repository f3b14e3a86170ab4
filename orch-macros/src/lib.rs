//! The macros of orch.
//!
//! Each one goes through four stages, a file each: **parse** (what was written, with its
//! places), **model** (the rules, all of them), **expand** (cannot fail), and **fallback** for
//! input with mistakes, which keeps the rest of the user's program compiling, so that one
//! mistake is one error.
//!
//! What an attribute takes is a table, `options!`: each option is one row, with its name,
//! its field in the model, how its value is read, and its field in the handler's descriptor.

mod orchestrated; // the attribute

mod command; // the derives
mod outcome;

mod options; // what may be written in them, a table each

mod values; // the small grammars: durations, names, templates

mod shared; // rules that more than one has

mod errors; // all at once, at the user's tokens

#[cfg(test)]
mod pages;

use proc_macro::TokenStream;

// Registers an async function as the handler of a command. The reference page is that of
// `orch::orchestrated`.
#[expect(missing_docs, reason = "the page is on the re-export in `orch`")]
#[proc_macro_attribute]
pub fn orchestrated(args: TokenStream, item: TokenStream) -> TokenStream {
    errors::finish(orchestrated::expand(args.into(), item.into())).into()
}

// Makes a struct a command. The reference page is that of `orch::Command`.
#[expect(missing_docs, reason = "the page is on the re-export in `orch`")]
#[proc_macro_derive(Command, attributes(command))]
pub fn command(item: TokenStream) -> TokenStream {
    errors::finish(command::expand(item.into())).into()
}

// Says of each error how an attempt ends with it. The reference page is that of `orch::Outcome`.
#[expect(missing_docs, reason = "the page is on the re-export in `orch`")]
#[proc_macro_derive(Outcome, attributes(outcome))]
pub fn outcome(item: TokenStream) -> TokenStream {
    errors::finish(outcome::expand(item.into())).into()
}
