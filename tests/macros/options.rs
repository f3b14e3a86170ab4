//! Every option of the attribute, from where it is written to the registration that a runtime
//! reads. `src/macros/orchestrated.md` lists them; a test of `orch-macros` holds the page to the
//! macro's own table.

use std::convert::Infallible;

use orch::internals::handler::{Descriptor, Registration};
use orch::internals::policies::{Backoff, Effect, InDoubt};
use orch::internals::store::ConnectionType;
use orch::prelude::*;
use orch::{AnyProvider, Keeps, KeyLifetime, Provider, Repeat};

use crate::world::registration_of;

const PAGE: &str = include_str!("../../src/macros/orchestrated.md");

/// What a runtime is told about a handler.
#[derive(Debug, PartialEq)]
struct Told {
    descriptor: Descriptor,
    reconciles: bool,
    hook: Option<ConnectionType>,
}

impl Told {
    /// What every handler here says without another option.
    fn plainly(event_type: &'static str) -> Self {
        let descriptor = Descriptor {
            name: concat!(module_path!(), "::charge"),
            file: file!(),
            domain: "OPTIONS",
            event_type,
            ..Descriptor::DEFAULTS
        };
        Self { descriptor, reconciles: false, hook: None }
    }

    fn by(registration: &Registration) -> Self {
        Self {
            descriptor: Descriptor { line: 0, ..registration.descriptor },
            reconciles: registration.reconcile.is_some(),
            hook: registration.finalize.map(|hook| (hook.connection)()),
        }
    }
}

/// One option: a handler with it, and what it changes.
struct Row {
    option: &'static str,
    event: &'static str,
    changes: fn(&mut Told),
}

macro_rules! handler {
    ($event:literal, [$($option:tt)*] $(beside [$($beside:tt)*])? $(takes ($($argument:tt)*))? $(from [$($command:tt)*])?) => {
        const _: () = {
            #[derive(Serialize, Deserialize, Command)]
            #[command(biz_key = "{id}" $(, $($command)*)?)]
            struct Charge {
                id: u64,
            }

            #[orchestrated(domain = "OPTIONS", event = $event, $($($beside)*,)? $($option)*)]
            async fn charge(cmd: Charge $(, $($argument)*)?) -> Result<u64, Infallible> {
                Ok(cmd.id)
            }
        };
    };
}

macro_rules! rows {
    ($($event:literal: [$option:ident $($value:tt)*] $($more:ident $what:tt)* => $changes:expr;)*) => {
        $(handler!($event, [$option $($value)*] $($more $what)*);)*

        const ROWS: &[Row] =
            &[$(Row { option: stringify!($option), event: $event, changes: $changes }),*];
    };
}

rows! {
    "PROVIDER": [provider = Bank] takes (_ctx: Context<Bank>) => |told| {
        told.descriptor.provider = Bank::NAME;
        told.descriptor.key_lifetime = Some(HOUR);
        told.descriptor.replays_errors = true;
    };
    "EFFECT": [effect = "read"] => |told| told.descriptor.effect = Effect::Read;
    "TIME_BUDGET": [time_budget = "1h"] => |told| {
        told.descriptor.time_budget = HOUR;
    };
    "ATTEMPT_TIMEOUT": [attempt_timeout = "1500ms"] => |told| {
        told.descriptor.attempt_timeout = Duration::from_millis(1500);
    };
    "MAX_ATTEMPTS": [max_attempts = 1000] => |told| told.descriptor.max_attempts = 1000;
    "MAX_UNCOUNTED": [max_uncounted = 7] => |told| told.descriptor.max_uncounted = 7;
    "BACKOFF": [backoff(base = "250ms", cap = "2m")] => |told| {
        told.descriptor.backoff = Backoff::from_millis(250, 120_000);
    };
    "IN_DOUBT": [in_doubt = "park"] => |told| told.descriptor.in_doubt = InDoubt::Park;
    "RECONCILE": [reconcile = ask] => reconciles;
    "RECONCILE_TIMEOUT": [reconcile_timeout = "5s"] beside [reconcile = ask] => |told| {
        reconciles(told);
        told.descriptor.reconcile_timeout = Duration::from_secs(5);
    };
    "RECONCILE_BACKOFF": [reconcile_backoff(base = "2s", cap = "1m")] beside [reconcile = ask] => |told| {
        reconciles(told);
        told.descriptor.reconcile_backoff = Backoff::from_millis(2_000, 60_000);
    };
    "MAX_RECONCILES": [max_reconciles = 7] beside [reconcile = ask] => |told| {
        reconciles(told);
        told.descriptor.max_reconciles = 7;
    };
    "COMPLETED_RETENTION": [completed_retention = "1s"] => |told| {
        told.descriptor.completed_retention = Some(Duration::from_secs(1));
    };
    "FAILED_RETENTION": [failed_retention = "1y"] => |told| {
        told.descriptor.failed_retention = Some(24 * 365 * HOUR);
    };
    "FINALIZE": [finalize = book] => |told| told.hook = Some(ConnectionType::of::<Ledger>());
    "BINDING": [binding = "command"] from [domain = "OPTIONS", event = "BINDING", output = u64] => |_| {};
    "CRATE": [crate = self::elsewhere] => |told| told.descriptor.file = "elsewhere";
}

const HOUR: Duration = Duration::from_secs(60 * 60);

enum Bank {}

impl Provider for Bank {
    const NAME: &'static str = "the bank";
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(HOUR);
    const REPEAT: Repeat = Repeat::Answers(Keeps::Everything);
}

struct Ledger;

async fn ask<C>(_cmd: C) -> Reconciled<u64> {
    Reconciled::Unanswered
}

async fn book(_: &mut Ledger, _: &FinalOutcome<u64>) -> Result<(), Infallible> {
    Ok(())
}

fn reconciles(told: &mut Told) {
    told.reconciles = true;
    told.descriptor.in_doubt = InDoubt::Reconcile;
}

/// Orch by another name: what is generated finds its macros here.
mod elsewhere {
    pub(crate) mod __private {
        macro_rules! elsewhere {
            () => {
                "elsewhere"
            };
        }
        pub(crate) use elsewhere as file;
        pub(crate) use orch::__private::*;
    }
}

#[test]
fn every_option_reaches_the_registration_and_changes_nothing_else() {
    for Row { option, event, changes } in ROWS {
        let plain = Told::plainly(event);
        let mut expected = Told::plainly(event);
        changes(&mut expected);
        assert_eq!(Told::by(registration_of("OPTIONS", event)), expected, "{option}");
        // Unread, `binding` would be an error of the compiler: the command is bound already.
        assert!(expected != plain || *option == "binding", "`{option}` is not looked at");
    }
}

#[test]
fn every_option_on_the_page_has_its_row() {
    let mut tested: Vec<&str> = ROWS.iter().map(|row| row.option).collect();
    // Every handler has these two.
    tested.extend(["domain", "event"]);
    tested.sort_unstable();
    let mut documented: Vec<&str> = options_on_the_page().map(|(option, _)| option).collect();
    documented.sort_unstable();
    assert_eq!(tested, documented);
}

/// Name and default of each option.
fn options_on_the_page() -> impl Iterator<Item = (&'static str, &'static str)> {
    let table = PAGE.split("\n# The options\n").nth(1).unwrap();
    table.lines().skip_while(|line| !line.starts_with('|')).skip(2).map_while(|line| {
        let row = line.strip_prefix("| `")?.strip_suffix(" |")?;
        let name = row.split(|c: char| !(c.is_alphabetic() || c == '_')).next()?;
        Some((name, row.rsplit(" | ").next()?))
    })
}

macro_rules! defaults {
    ($($event:literal: $([$option:ident $($value:tt)*])* $($more:ident $what:tt)*;)*) => {
        $(handler!($event, [$($option $($value)*),*] $($more $what)*);)*

        const DEFAULTS: &[(&str, &str)] = &[$($((stringify!($option), stringify!($($value)*)),)*)*];
    };
}

// Every default on the page, written out.
defaults! {
    "DEFAULTS":
        [provider = AnyProvider]
        [effect = "keyed"]
        [time_budget = "5m"]
        [attempt_timeout = "30s"]
        [max_attempts = 3]
        [max_uncounted = 100]
        [backoff(base = "1s", cap = "300s")]
        [in_doubt = "retry"]
        [crate = ::orch]
        takes (_ctx: Context);
    "DEFAULTS_OF_RECONCILE":
        [reconcile_timeout = "30s"]
        [reconcile_backoff(base = "1s", cap = "300s")]
        [max_reconciles = 10]
        beside [reconcile = ask];
}

#[test]
fn a_default_on_the_page_is_what_holds_without_the_option() {
    let by = |event| Told::by(registration_of("OPTIONS", event));
    assert_eq!(by("DEFAULTS"), Told::plainly("DEFAULTS"));
    let mut asking = Told::plainly("DEFAULTS_OF_RECONCILE");
    reconciles(&mut asking);
    assert_eq!(by("DEFAULTS_OF_RECONCILE"), asking);

    let mut tested: Vec<(&str, &str)> =
        DEFAULTS.iter().map(|(name, value)| (*name, value.trim_start_matches("= "))).collect();
    let mut documented: Vec<(&str, &str)> = options_on_the_page()
        .filter_map(|(name, default)| Some((name, default.split('`').nth(1)?)))
        .collect();
    tested.sort_unstable();
    documented.sort_unstable();
    assert_eq!(tested, documented);
}
