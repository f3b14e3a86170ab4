use quote::quote;

use super::model::{OnField, OnStruct};
use crate::options::Table;
use crate::pages;

fn expanded(item: proc_macro2::TokenStream) -> String {
    let (tokens, errors) = super::expand(item);
    assert!(errors.is_empty(), "{errors:?}");
    prettyplease::unparse(&syn::parse2(tokens).unwrap())
}

#[test]
fn a_plain_command() {
    insta::assert_snapshot!(expanded(quote! {
        #[command(biz_key = "ORDER-{order_id}")]
        struct Charge { order_id: u64, amount: u64 }
    }));
}

#[test]
fn every_option() {
    insta::assert_snapshot!(expanded(quote! {
        #[command(biz_key = "{tenant}/{{{type}}}", domain = "PAYMENT", event = "CHARGE")]
        #[command(unique = "biz_key", output = Vec<Receipt>, time_budget = "2h", crate = conductor)]
        #[command(version = 3, upgrade = Self::from_before)]
        struct Charge {
            tenant: Tenant,
            r#type: u8,
            #[command(idem_key)]
            request: String,
            #[command(idem_ignore)]
            #[serde(rename = "sentAt")]
            sent_at: u64,
            #[command(set)]
            tags: Vec<String>,
            flags: std::collections::HashSet<Flag>,
        }
    }));
}

#[test]
fn a_later_form_of_the_identity() {
    insta::assert_snapshot!(expanded(quote! {
        #[command(biz_key = "{shop}/{order_id}")]
        #[command(identity = 3, earlier = ["ORDER-{order_id}", "{order_id}"])]
        struct Charge { shop: String, order_id: u64, #[command(idem_key)] r#type: String }
    }));
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let (_, errors) = super::expand(quote! {
        #[command(biz_kye = "A-{id}", idem_key)]
        struct Charge {
            #[command(idem_key)]
            id: Option<u64>,
            #[command(idem_key)]
            other: String,
        }
    });
    assert_eq!(errors.len(), 4, "{errors:?}");
}

#[test]
fn every_option_is_on_the_page_and_no_other() {
    assert_eq!(pages::written("command.md", "# On the struct"), OnStruct::WRITTEN);
    assert_eq!(pages::written("command.md", "# On a field"), OnField::WRITTEN);
}
