use orch::internals::handler::{KeyFromCaller, KeyInCommand, Storable, TypedCommand};
use orch::prelude::*;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{{{tenant}}}/ORDER-{order}-{order}")]
struct Order {
    tenant: String,
    order: u64,
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{type}")]
struct Keyed {
    r#type: u8,
    #[command(idem_key)]
    request: String,
    #[command(idem_ignore)]
    sent_at: u64,
    #[command(idem_ignore)]
    #[serde(rename = "traceId")]
    trace_id: String,
}

fn keyed(sent_at: u64, trace_id: &str) -> Keyed {
    Keyed { r#type: 3, request: "r-1".into(), sent_at, trace_id: trace_id.into() }
}

fn has_key<C: TypedCommand<Key = K>, K>(_: &C) {}

#[test]
fn the_template_is_filled_from_the_fields() {
    let order = Order { tenant: "acme".into(), order: 7 };
    assert_eq!(order.biz_key(), "{acme}/ORDER-7-7");
    assert_eq!(keyed(1, "").biz_key(), "3");
}

#[test]
fn a_marked_field_is_the_idempotency_key() {
    has_key::<Keyed, KeyInCommand>(&keyed(1, ""));
    assert_eq!(keyed(1, "").idem_key().as_deref(), Some("r-1"));
}

#[test]
fn without_one_the_caller_gives_the_key() {
    let order = Order { tenant: "acme".into(), order: 7 };
    has_key::<Order, KeyFromCaller>(&order);
    assert_eq!(order.idem_key(), None);
}

#[test]
fn ignored_fields_go_by_their_names_in_the_json() {
    assert_eq!(Keyed::IDEM_IGNORE, ["sent_at", "traceId"]);
    assert_eq!(Order::IDEM_IGNORE, [""; 0]);
    let fingerprint = |of: &Keyed| Keyed::meaning().fingerprint(&of.to_payload().unwrap());
    assert_eq!(fingerprint(&keyed(1, "a")), fingerprint(&keyed(2, "b")));
    let other = Keyed { r#type: 4, ..keyed(1, "a") };
    assert_ne!(fingerprint(&keyed(1, "a")), fingerprint(&other));
}

/// The derive refuses a field of this name, and cannot ask core for it.
#[test]
fn the_derive_and_core_keep_the_version_under_one_name() {
    assert_eq!(orch::internals::words::VERSION_KEY, "$version");
    let derive = include_str!("../../orch-macros/src/command/versions.rs");
    assert!(derive.contains("const VERSION_KEY: &str = \"$version\";"));
}
