//! What the attribute expands to, as a reader would format it.

use proc_macro2::TokenStream;
use quote::quote;

use super::model::limits::Delays;
use super::options::Said;
use crate::options::Table;
use crate::pages;

fn expanded(args: TokenStream, item: TokenStream) -> String {
    let (tokens, errors) = super::expand(args, item);
    assert!(errors.is_empty(), "{errors:?}");
    prettyplease::unparse(&syn::parse2(tokens).unwrap())
}

fn charge() -> TokenStream {
    quote! {
        /// Charges a card.
        pub async fn charge(cmd: Charge, ctx: Context, gateway: State<Gateway>) -> Result<Receipt, ChargeError> {
            gateway.charge(&cmd, ctx.provider_key()).await
        }
    }
}

#[test]
fn a_plain_handler() {
    insta::assert_snapshot!(expanded(quote!(domain = "PAYMENT", event = "CHARGE"), charge()));
}

#[test]
fn a_plain_handler_adds_less_than_forty_lines() {
    let item = quote!(
        async fn charge(cmd: Charge, ctx: Context) -> Result<Receipt, ChargeError> {}
    );
    let expanded = expanded(quote!(domain = "PAYMENT", event = "CHARGE"), item);
    let added = expanded.lines().skip_while(|line| !line.starts_with("#[allow")).count();
    assert!(added < 40, "{added} lines of generated code:\n{expanded}");
}

#[test]
fn every_option() {
    let args = quote! {
        domain = "PAYMENT.CARD", event = "CHARGE", time_budget = "1h", attempt_timeout = "10m",
        max_attempts = 5,
        backoff(base = "100ms", cap = "10s"), reconcile = gateway::ask,
        completed_retention = "90d", failed_retention = "1y", finalize = book,
        crate = conductor
    };
    insta::assert_snapshot!(expanded(args, charge()));
}

#[test]
fn a_provider_and_how_it_is_asked() {
    let args = quote! {
        domain = "PAYMENT", event = "CHARGE", provider = orch::Stripe, effect = "keyed",
        reconcile = ask, reconcile_timeout = "10s",
        reconcile_backoff(base = "2s", cap = "1m"), max_reconciles = 5
    };
    let item = quote!(
        async fn charge(cmd: Charge, ctx: Context<Stripe>) -> Result<Receipt, ChargeError> {}
    );
    insta::assert_snapshot!(expanded(args, item));
}

#[test]
fn an_effect_without_keys() {
    let args = quote!(domain = "PAYMENT", event = "CHARGE", effect = "unsafe", in_doubt = "park");
    let item = quote!(
        async fn charge(cmd: Charge) -> Result<Receipt, ChargeError> {}
    );
    insta::assert_snapshot!(expanded(args, item));
}

#[test]
fn a_handler_of_a_bound_command() {
    let args = quote!(domain = "PAYMENT", event = "CHARGE", in_doubt = "park", binding = "command");
    let item = quote!(
        #[cfg(unix)]
        async fn charge(cmd: Charge) -> ChargeResult {
            Ok(())
        }
    );
    insta::assert_snapshot!(expanded(args, item));
}

#[test]
fn the_users_function_is_kept_to_the_token_whatever_is_wrong() {
    let (tokens, errors) = super::expand(quote!(domain = "payment", max_attempts = 0), charge());
    assert!(tokens.to_string().starts_with(&charge().to_string()));
    let rules: Vec<String> = errors
        .iter()
        .map(|error| error.to_string().lines().next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        rules,
        [
            "`domain` is not a legal name: `p` is not allowed in it",
            "`max_attempts` is a plain number from 1 to 1000",
            "`event` is missing",
        ],
        "all at once"
    );
}

#[test]
fn a_body_that_does_not_parse_is_carried() {
    let item = quote!(async fn charge(cmd: Charge) -> Result<(), Down> { cmd. });
    let (tokens, errors) = super::expand(quote!(domain = "A", event = "B"), item.clone());
    assert!(errors.is_empty());
    assert!(tokens.to_string().starts_with(&item.to_string()));
}

#[test]
fn every_option_is_on_the_page_and_no_other() {
    assert_eq!(pages::written("orchestrated.md", "# The options"), Said::WRITTEN);
    let delays = Delays::WRITTEN.join(", ");
    for option in ["backoff", "reconcile_backoff"] {
        assert!(Said::WRITTEN.contains(&&*format!("{option}({delays})")), "{option}({delays})");
    }
}

#[test]
fn every_option_on_the_page_has_a_meaning_and_a_default() {
    for cells in pages::rows("orchestrated.md", "# The options") {
        assert!(cells.len() == 3 && cells.iter().all(|cell| !cell.is_empty()), "{cells:?}");
    }
}
