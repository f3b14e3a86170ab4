#![deny(warnings)]
#![forbid(unsafe_code)]
#![no_implicit_prelude]

//! A chain of versions, each with another form of upgrade.

mod before {
    #[derive(::serde::Serialize, ::serde::Deserialize, ::orch::Command)]
    #[command(biz_key = "ORDER-{order_id}", version = 1)]
    pub struct Charge {
        pub order_id: u64,
    }
}

mod between {
    #[derive(::serde::Serialize, ::serde::Deserialize, ::orch::Command)]
    #[command(biz_key = "ORDER-{order_id}", version = 2, upgrade = super::from_before)]
    pub struct Charge {
        pub order_id: u64,
    }
}

#[derive(::serde::Serialize, ::serde::Deserialize, ::orch::Command)]
#[command(biz_key = "ORDER-{order_id}", version = 7, upgrade = Self::from_between)]
pub struct Charge {
    #[serde(rename = "version")]
    order_id: u64,
}

fn from_before(before: before::Charge) -> ::std::result::Result<between::Charge, &'static str> {
    ::std::result::Result::Ok(between::Charge { order_id: before.order_id })
}

impl Charge {
    fn from_between(before: between::Charge) -> Self {
        Self { order_id: before.order_id }
    }
}

fn main() {
    let stored = <::orch::Payload as ::std::convert::From<&str>>::from(r#"{"order_id":5}"#);
    let charge = <Charge as ::orch::TypedCommand>::from_stored(&stored);
    ::std::assert!(charge.is_ok_and(|charge| charge.order_id == 5));
}
