use std::collections::BTreeSet;

use quote::quote;

use super::model::{OnType, Said};
use crate::options::Table;
use crate::pages;

fn expanded(item: proc_macro2::TokenStream) -> String {
    let (tokens, errors) = super::expand(item);
    assert!(errors.is_empty(), "{errors:?}");
    prettyplease::unparse(&syn::parse2(tokens).unwrap())
}

#[test]
fn an_enum_with_every_ending() {
    insta::assert_snapshot!(expanded(quote! {
        enum ChargeError {
            #[outcome(fail, code = "CARD_DECLINED")]
            Declined(String),
            #[outcome(fail, code = "CONFUSED", uncertain)]
            Confused,
            #[outcome(fail, code = "SPENT", clears_doubt)]
            Spent,
            #[outcome(retry)]
            Unreachable,
            #[outcome(retry, after = wait)]
            Limited { wait: Duration },
            #[outcome(retry, after = 1)]
            Busy(u8, Duration),
            #[outcome(in_doubt)]
            NoAnswer,
            #[outcome(still_running)]
            AtWork,
            #[outcome(still_running, after = wait)]
            InProgress { wait: Duration },
            #[outcome(already_done)]
            Paid,
            #[outcome(submitted)]
            Accepted,
            #[outcome(submitted, reference = transfer, account = account, after = wait)]
            AcceptedAs { transfer: String, account: String, wait: Duration },
            #[outcome(from = gateway::ending)]
            Gateway(Gone),
            #[outcome(from = Gone::ending)]
            Gone { place: String, #[source] error: Gone },
            #[outcome(from = gateway::ending)]
            Named { source: Gone, place: String },
        }
    }));
}

#[test]
fn a_struct() {
    insta::assert_snapshot!(expanded(quote! {
        #[outcome(retry, crate = conductor)]
        struct Down;
    }));
}

#[test]
fn every_variant_is_reported() {
    let (tokens, errors) = super::expand(quote! {
        enum ChargeError { A, #[outcome(fail)] B, #[outcome(retry)] C, #[outcome(retyr)] D }
    });
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(tokens.to_string().contains("HandlerError"), "the fallback keeps handlers compiling");
}

#[test]
fn one_mistake_is_one_error() {
    for variant in [
        quote!(
            #[outcome(fail, cod = "DECLINED")]
            A
        ),
        quote!(
            #[outcome(fail = 1, code = "DECLINED")]
            A
        ),
        quote!(
            #[outcome(retry, code = "in lower case")]
            A
        ),
        quote!(
            #[outcome(in_doubt, after = "a text")]
            A
        ),
        quote!(
            #[outcome(already_done, after = wait)]
            A { wait: Duration }
        ),
        quote!(
            #[outcome(already_done, code = "PAID")]
            A
        ),
        quote!(
            #[outcome(still_running, already_done)]
            A
        ),
    ] {
        let (_, errors) = super::expand(quote!(enum ChargeError { #variant }));
        assert_eq!(errors.len(), 1, "{variant}: {errors:?}");
    }
}

#[test]
fn every_option_is_on_the_page_and_no_other() {
    let endings = pages::written("outcome.md", "# The endings");
    let options = endings.iter().flat_map(|ending| ending.split(", "));
    let named: BTreeSet<&str> = options.map(|option| option.split(" = ").next().unwrap()).collect();
    assert_eq!(named, Said::NAMES.iter().copied().collect());
    assert_eq!(pages::written("outcome.md", "# On the type"), OnType::WRITTEN);
}
