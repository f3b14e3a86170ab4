//! The macros where names mean something else: without a prelude, inside `macro_rules!`, and
//! among the user's own `orch`, `std`, `core`, `Result` and `String`.
#![forbid(unsafe_code)]
#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(clippy::unused_async, reason = "these handlers have nobody to call")]

mod without_a_prelude {
    #![no_implicit_prelude]

    #[derive(::orch::Command, ::serde::Serialize, ::serde::Deserialize)]
    #[command(biz_key = "A-{id}")]
    struct Bare {
        id: u64,
        #[command(idem_key)]
        key: ::std::string::String,
    }

    #[derive(Debug, ::orch::Outcome)]
    enum BareError {
        #[outcome(retry, after = 0)]
        Later(::std::time::Duration),
        #[outcome(fail, code = "NO")]
        No,
    }

    impl ::std::fmt::Display for BareError {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            f.write_str("no")
        }
    }

    impl ::std::error::Error for BareError {}

    struct Connection;

    #[::orch::orchestrated(
        domain = "HYGIENE",
        event = "BARE",
        provider = ::orch::Stripe,
        effect = "keyed",
        reconcile = ask,
        reconcile_timeout = "1s",
        reconcile_backoff(cap = "1m"),
        max_reconciles = 2,
        finalize = book
    )]
    async fn bare(
        cmd: Bare,
        _ctx: ::orch::Context<::orch::Stripe>,
        limit: ::orch::State<u64>,
    ) -> ::std::result::Result<::std::string::String, BareError> {
        match cmd.id {
            0 => ::std::result::Result::Err(BareError::Later(::std::time::Duration::ZERO)),
            id if id > *limit => ::std::result::Result::Err(BareError::No),
            _ => ::std::result::Result::Ok(cmd.key),
        }
    }

    async fn ask(_cmd: Bare) -> ::orch::Reconciled<::std::string::String> {
        ::orch::Reconciled::Unanswered
    }

    async fn book(
        _connection: &mut Connection,
        _ended: &::orch::FinalOutcome<::std::string::String>,
    ) -> ::std::result::Result<(), BareError> {
        ::std::result::Result::Ok(())
    }
}

mod among_shadows {
    /// What the user's own names mean here.
    mod orch {}
    mod std {}
    mod core {}
    #[expect(dead_code, reason = "it only shadows")]
    struct Result;
    #[expect(dead_code, reason = "it only shadows")]
    struct Option;
    #[expect(dead_code, reason = "it only shadows")]
    struct String;
    #[expect(dead_code, reason = "it only shadows")]
    struct Duration;

    #[derive(::serde::Serialize, ::serde::Deserialize, ::orch::Command)]
    #[command(biz_key = "{run}")]
    struct Shadowed {
        run: u64,
    }

    #[derive(Debug, ::orch::Outcome)]
    #[outcome(in_doubt)]
    struct Doubt;

    impl ::std::fmt::Display for Doubt {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            f.write_str("doubt")
        }
    }

    impl ::std::error::Error for Doubt {}

    #[::orch::orchestrated(domain = "HYGIENE", event = "SHADOWED")]
    async fn run(call: Shadowed) -> ::std::result::Result<u64, Doubt> {
        if call.run == 0 { Err(Doubt) } else { Ok(call.run) }
    }
}

mod inside_macro_rules {
    use std::convert::Infallible;

    use orch::prelude::*;

    type TextResult = Result<String, Infallible>;

    async fn ask_first(cmd: First) -> Reconciled<u64> {
        Reconciled::Happened(cmd.order)
    }

    async fn ask_second(_cmd: Second) -> Reconciled<String> {
        Reconciled::NotHappened
    }

    macro_rules! handlers {
        ($($name:ident($command:ident { $field:ident: $ty:ty }) -> $result:ty, $event:literal, $ask:path;)*) => {
            $(
                #[derive(Serialize, Deserialize, Command)]
                #[command(biz_key = "ORDER-{order}")]
                struct $command {
                    $field: $ty,
                }

                #[orchestrated(domain = "HYGIENE", event = $event, max_attempts = 2, reconcile = $ask)]
                async fn $name(cmd: $command, ctx: Context) -> $result {
                    let _ = ctx;
                    Ok(cmd.$field)
                }
            )*
        };
    }

    handlers! {
        first(First { order: u64 }) -> Result<u64, Infallible>, "FIRST", ask_first;
        second(Second { order: String }) -> TextResult, "SECOND", self::ask_second;
    }
}

#[test]
fn all_of_them_are_registered() {
    let mut events: Vec<&str> =
        orch::__private::inventory::iter::<orch::internals::handler::Registration>
            .into_iter()
            .map(|registration| registration.descriptor.event_type)
            .collect();
    events.sort_unstable();
    assert_eq!(events, ["BARE", "FIRST", "SECOND", "SHADOWED"]);
}
