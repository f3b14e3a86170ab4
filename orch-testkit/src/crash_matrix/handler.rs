use std::any::type_name;

use orch_core::handler::{HandledCommand, Registration};

/// An orchestrated function: it takes `Command` first, then what orch gives it.
#[diagnostic::on_unimplemented(
    message = "`crash_matrix` takes an orchestrated function and a command of its type",
    label = "this does not take `{Command}` as its first argument",
    note = "usage: crash_matrix(charge, Charge {{ … }}), where `charge` carries `#[orchestrated(…)]`"
)]
pub trait OrchestratedFn<Command, Arguments> {}

macro_rules! functions {
    ($($argument:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<F, Answer, Command, $($argument,)*> OrchestratedFn<Command, ($($argument,)*)> for F
        where
            F: Fn(Command, $($argument),*) -> Answer,
            Answer: Future,
        {
        }
    };
}

functions!();
functions!(A1);
functions!(A1 A2);
functions!(A1 A2 A3);
functions!(A1 A2 A3 A4);
functions!(A1 A2 A3 A4 A5);
functions!(A1 A2 A3 A4 A5 A6);
functions!(A1 A2 A3 A4 A5 A6 A7);
functions!(A1 A2 A3 A4 A5 A6 A7 A8);

/// The registration of the handler `F` of `C`, made by the attribute and linked into this test.
///
/// # Panics
/// If there is none, or another function than `F` has it: the matrix would test that one.
pub(super) fn registration<C: HandledCommand, F>() -> Registration {
    let (domain, event) = (C::DOMAIN, C::EVENT);
    let registered = inventory::iter::<Registration>.into_iter().copied();
    let mut found = registered
        .filter(|r| (r.descriptor.domain, r.descriptor.event_type) == (domain, event))
        .collect::<Vec<_>>();
    let Some(registration) = found.pop() else {
        panic!("no handler of {domain}/{event} is linked into this test; `use` its crate here");
    };
    let (given, registered) = (last(type_name::<F>()), last(registration.descriptor.name));
    assert!(
        given == registered,
        "the handler of {domain}/{event} is `{registered}`, and crash_matrix was given `{given}`; \
         give it `{registered}`"
    );
    registration
}

fn last(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}
