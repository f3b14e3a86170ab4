use std::convert::Infallible;
use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use crate::policies::{After, Ending, HandlerEnd, Submitted};
use crate::words::{AttemptEnd, Failure, Outcome, storable};

/// What may be a reference or an account: every type that implements `Display`.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` cannot be a reference",
    label = "it does not implement `Display`",
    note = "a message of the provider carries its reference as text, and finds the operation by it",
    note = "use a field with a text, such as a `String` or a number, or implement `Display` for `{Self}`"
)]
pub trait ReferenceText: Display {}

#[diagnostic::do_not_recommend]
impl<T: Display> ReferenceText for T {}

/// A field as a reference, or as an account.
pub fn reference_text<T: ReferenceText>(field: &T) -> &dyn Display {
    field
}

/// The delay that a field holds.
pub fn after<A: After>(field: &A) -> Option<Duration> {
    field.after()
}

/// The error underneath another one. It is given before the function that is asked about it, so
/// that rustc knows its type when it speaks of a function that does not fit.
#[derive(Debug)]
pub struct Underneath<'a, E>(&'a E);

/// The error in a field.
pub const fn underneath<E>(error: &E) -> Underneath<'_, E> {
    Underneath(error)
}

impl<E> Underneath<'_, E> {
    /// How the attempt ends, as this function says.
    #[must_use]
    pub fn ending<Form, F: EndingOf<Form, E>>(&self, function: F) -> Ending {
        function.ending_of(self.0)
    }
}

/// What `#[outcome(from = function)]` may name: a `fn(&E) -> Ending` for the error `E` that the
/// variant holds. An error that derives `Outcome` itself has one, `HandlerError::ending`.
#[diagnostic::on_unimplemented(
    message = "this function cannot say how the attempt ends with a `{E}`",
    label = "not a `fn(&{E}) -> Ending`",
    note = "after an error orch must know whether to retry, to fail, or to find out what happened; `from` names the function that knows it of the error in this variant",
    note = "usage:\n\n    fn name(error: &{E}) -> orch::Ending"
)]
pub trait EndingOf<Form, E> {
    /// The ending.
    fn ending_of(&self, error: &E) -> Ending;
}

#[diagnostic::do_not_recommend]
impl<E, F: Fn(&E) -> Ending> EndingOf<(), E> for F {
    fn ending_of(&self, error: &E) -> Ending {
        self(error)
    }
}

/// No function has this form. It is here because rustc reports a trait in its own words only
/// where more than one implementation could have fitted; with one, it reports what is wrong with
/// the arguments of a closure, which the user has not written.
#[derive(Debug, Clone, Copy)]
pub enum NoForm {}

#[diagnostic::do_not_recommend]
impl<E, F: Fn(NoForm)> EndingOf<NoForm, E> for F {
    fn ending_of(&self, _: &E) -> Ending {
        Ending::InDoubt
    }
}

/// What has a text and a cause: every type that implements the standard `Error`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not implement `std::error::Error`",
    label = "not an error",
    note = "its text and its causes are stored, so that people can see what happened",
    note = "add `#[derive(Debug, thiserror::Error)]` and an `#[error(\"…\")]` to each variant, or implement `Display` and `Error` by hand"
)]
pub trait StandardError {
    /// The error as such.
    fn as_error(&self) -> &(dyn Error + 'static);
}

#[diagnostic::do_not_recommend]
impl<T: Error + 'static> StandardError for T {
    fn as_error(&self) -> &(dyn Error + 'static) {
        self
    }
}

/// An error of a handler: it says of each value how the attempt ends.
/// `#[derive(Outcome)]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how an attempt ends",
    label = "this error type does not derive `Outcome`",
    note = "after an error orch must know whether to retry, to fail, or to find out what happened",
    note = "add `#[derive(orch::Outcome)]` to `{Self}` and mark each variant with `#[outcome(retry)]`, `#[outcome(fail, code = \"…\")]` or `#[outcome(in_doubt)]`",
    note = "if `{Self}` is not your own type, put it into an error that is, with how the attempt ends; `anyhow::Error` does not tell, so: `#[outcome(in_doubt)] #[error(transparent)] Other(#[from] anyhow::Error)`"
)]
pub trait HandlerError: StandardError + Send + 'static {
    /// How the attempt ends.
    fn ending(&self) -> Ending;
}

impl HandlerError for Submitted {
    fn ending(&self) -> Ending {
        Ending::Submitted(self.clone())
    }
}

impl HandlerError for Infallible {
    fn ending(&self) -> Ending {
        match *self {}
    }
}

/// The end of the attempt, with the error's texts made storable.
pub(super) fn end_of(error: &dyn HandlerError) -> HandlerEnd {
    let message = match error.as_error().to_string() {
        blank if blank.trim().is_empty() => "the error has no text".to_owned(),
        text => text,
    };
    let cause = causes(error.as_error());
    let ending = error.ending();
    let clears_doubt = matches!(ending, Ending::Fail { clears_doubt: true, .. });
    let reason = |message| storable(&with_cause(message, cause.clone()));
    let end = match ending {
        Ending::Retry { after } => {
            AttemptEnd::Outcome(Outcome::Retry { reason: reason(message), after })
        }
        Ending::Fail { code, uncertain, .. } => AttemptEnd::Outcome(Outcome::Fail(
            Failure::new(&code, &message).cause(cause.as_deref()).uncertain(uncertain),
        )),
        Ending::InDoubt => AttemptEnd::InDoubt { reason: reason(message) },
        Ending::StillRunning { after } => {
            AttemptEnd::StillRunning { reason: reason(message), after }
        }
        Ending::AlreadyDone => AttemptEnd::AlreadyDone { reason: reason(message) },
        Ending::Submitted(submitted) => return HandlerEnd::submitted(submitted, reason(message)),
    };
    HandlerEnd { clears_doubt, ..end.into() }
}

fn with_cause(message: String, cause: Option<String>) -> String {
    match cause {
        Some(cause) => format!("{message}: {cause}"),
        None => message,
    }
}

/// The texts of all sources, outermost first.
fn causes(error: &(dyn Error + 'static)) -> Option<String> {
    let texts: Vec<String> =
        std::iter::successors(error.source(), |&e| e.source()).map(ToString::to_string).collect();
    (!texts.is_empty()).then(|| texts.join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::num::ParseIntError, Ending);

    impl HandlerError for Outer {
        fn ending(&self) -> Ending {
            self.1.clone()
        }
    }

    fn outer(ending: Ending) -> Outer {
        Outer("x".parse::<u8>().unwrap_err(), ending)
    }

    #[test]
    fn the_chain_of_causes_is_kept() {
        let end = end_of(&outer(Ending::InDoubt));
        let reason = "outer: invalid digit found in string".to_owned();
        assert_eq!(end, AttemptEnd::InDoubt { reason }.into());
    }

    #[test]
    fn a_failure_keeps_code_message_and_cause_apart() {
        let HandlerEnd { end, clears_doubt, .. } = end_of(&outer(Ending::fail("BAD", true)));
        let AttemptEnd::Outcome(Outcome::Fail(failure)) = end else { panic!("{end:?}") };
        assert_eq!((failure.code.as_str(), failure.message.as_str()), ("BAD", "outer"));
        assert_eq!(failure.cause.as_deref(), Some("invalid digit found in string"));
        assert!(failure.uncertain && failure.called && !clears_doubt);
    }

    #[test]
    fn an_answer_that_is_neither_yes_nor_no_keeps_what_it_says() {
        let reason = "outer: invalid digit found in string".to_owned();
        let after = Some(Duration::from_secs(4));
        let end = end_of(&outer(Ending::StillRunning { after }));
        assert_eq!(end, AttemptEnd::StillRunning { reason: reason.clone(), after }.into());
        let end = end_of(&outer(Ending::AlreadyDone));
        assert_eq!(end, AttemptEnd::AlreadyDone { reason }.into());
    }

    #[test]
    fn what_the_provider_has_accepted_keeps_its_reference() {
        let submitted = Submitted::with("tr_1");
        let end = end_of(&outer(Ending::Submitted(submitted.clone())));
        assert_eq!(end.submitted, Some(submitted.clone()));
        assert!(matches!(end.end, AttemptEnd::Submitted { .. }));
        let AttemptEnd::Submitted { reason, .. } = end_of(&submitted).end else { panic!() };
        assert!(reason.ends_with("as tr_1"), "{reason}");
    }

    #[test]
    fn only_a_failure_that_says_so_clears_doubt() {
        let clears = |ending| end_of(&outer(ending)).clears_doubt;
        assert!(clears(Ending::fail_clearing_doubt("DECLINED")));
        assert!(!clears(Ending::fail("DECLINED", false)));
        assert!(!clears(Ending::Retry { after: None }) && !clears(Ending::InDoubt));
    }

    #[test]
    fn an_error_without_a_text_says_so() {
        #[derive(Debug, thiserror::Error)]
        #[error(" ")]
        struct Mute;

        impl HandlerError for Mute {
            fn ending(&self) -> Ending {
                Ending::fail("MUTE", false)
            }
        }

        let AttemptEnd::Outcome(Outcome::Fail(failure)) = end_of(&Mute).end else { panic!() };
        assert_eq!(failure.message, "the error has no text");
    }
}
