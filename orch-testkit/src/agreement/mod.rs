//! Holds each verb of a store to [`orch_core::machine::step`], over generated rows and facts.
//!
//! A store may load a row, call `step` and save, or it may have its own statement that does
//! the same in one round trip. Either way its rows, log and dead letters must come out as `step`
//! says. [`agrees_with_machine!`](crate::agrees_with_machine) makes one test of each verb:
//!
//! 1. rows in every status and phase are put into the store as they are ([`KeptRows::put`]);
//! 2. the verb is called once, over all of them;
//! 3. what the store keeps then ([`KeptRows::kept`]) is compared, row by row, with `step`.
//!
//! The environment sets how much is looked at: `ORCH_AGREEMENT_PAIRS` pairs of a row and a fact
//! for each verb (2,000 by default), from `ORCH_AGREEMENT_SEED`. A failure prints its seed.

mod compare;
mod facts;
mod generate;
mod history;
mod kept;
mod paths;

pub use generate::Generator;
pub use kept::{Kept, KeptRows};
#[doc(hidden)]
pub use paths::{Path, check};

/// A number from the environment.
fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect(name))
}

/// Makes one test of every verb of a store: see the module [`agreement`](crate::agreement). The
/// expression is evaluated for each and gives a [`KeptRows`].
///
/// ```text
/// orch_testkit::agrees_with_machine!(Sqlite::in_a_new_folder());
/// ```
#[macro_export]
macro_rules! agrees_with_machine {
    ($store:expr) => {
        $crate::__agreement! { $store;
            claim_agrees Claim
            renew_agrees Renew
            release_agrees Release
            log_agrees Log
            settle_of_definite_ends_agrees SettleDefinite
            settle_of_open_ends_agrees SettleOpen
            finalize_agrees Finalize
            a_failing_hook_agrees HookFails
            sweep_expired_agrees SweepExpired
            sweep_earlier_agrees SweepEarlier
            sweep_over_budget_agrees SweepOverBudget
            resolve_agrees Resolve
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __agreement {
    ($store:expr; $($case:ident $path:ident)*) => {$(
        #[test]
        fn $case() {
            $crate::agreement::check($store, $crate::agreement::Path::$path);
        }
    )*};
}
