//! Contracts of twelve providers that are not among the ready ones, written with what any user has: the
//! trait. Each says where it was read; read your provider's page before you copy one.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use orch::http::HttpOutcome;
use orch::prelude::*;
use orch::providers::Terms;
use orch::{
    Keeps, KeyAlphabet, KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat, Says, Word,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const READ: (u16, u8, u8) = (2026, 11, 30);

const HYPHENS: KeyAlphabet =
    KeyAlphabet::of("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
const HYPHENS_AND_UNDERSCORES: KeyAlphabet =
    KeyAlphabet::of("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");

/// TrueLayer, Payments v3. A call with a key that was used is not executed.
enum TrueLayer {}

impl Provider for TrueLayer {
    const NAME: &'static str = "TrueLayer";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY.saturating_mul(30));
    const PUBLISHED: Option<Published> =
        Some(Published::new("docs.truelayer.com/docs/idempotency-for-payment-requests", READ));
}

/// Worldline Direct. A completed call is answered as before, whatever the body is.
enum WorldlineDirect {}

impl Provider for WorldlineDirect {
    const NAME: &'static str = "Worldline Direct";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Everything);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const KEY_PLACE: KeyPlace = KeyPlace::Header("X-GCS-Idempotence-Key");
    const KEY_FORM: KeyForm = KeyForm::up_to(40);
    const WORDS: &'static [Word] = &[Word::of_status(409, Says::StillRunning)];
    const PUBLISHED: Option<Published> = Some(Published::new(
        "docs.direct.worldline-solutions.com/integration/api-developer-guide/idempotent-requests",
        READ,
    ));
}

/// BlueSnap. It stores keys for *up to* 24 hours, which promises no time at all.
enum BlueSnap {}

impl Provider for BlueSnap {
    const NAME: &'static str = "BlueSnap";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Everything);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unpublished;
    const KEY_FORM: KeyForm = KeyForm::up_to(64).of(HYPHENS);
    const WORDS: &'static [Word] =
        &[Word::of(409, "60102", Says::StillRunning), Word::of(422, "60101", Says::OtherBody)];
    const PUBLISHED: Option<Published> =
        Some(Published::new("developers.bluesnap.com/reference/idempotency", READ));
}

/// BlindPay. The 24 hours count from the end of the first call. What is kept of errors is not said.
enum BlindPay {}

impl Provider for BlindPay {
    const NAME: &'static str = "BlindPay";
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const WORDS: &'static [Word] = &[
        Word::of(409, "idempotency_key_in_flight", Says::StillRunning),
        Word::of(422, "idempotency_key_payload_mismatch", Says::OtherBody),
    ];
    const PUBLISHED: Option<Published> =
        Some(Published::new("blindpay.com/docs/learn/idempotency", READ));
}

/// payware. A repeated call gets the payment that the first one has made.
enum Payware {}

impl Provider for Payware {
    const NAME: &'static str = "payware";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const WORDS: &'static [Word] = &[
        Word::of(409, "ERR_IDEMPOTENCY_KEY_IN_PROGRESS", Says::StillRunning),
        Word::of(422, "ERR_IDEMPOTENCY_KEY_REUSED", Says::OtherBody),
    ];
    const PUBLISHED: Option<Published> =
        Some(Published::new("github.com/payware/mcp-server, release 1.5.0", READ));
}

/// `OneKhusa`. At least 15 characters.
enum OneKhusa {}

impl Provider for OneKhusa {
    const NAME: &'static str = "OneKhusa";
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const KEY_PLACE: KeyPlace = KeyPlace::Header("X-Idempotency-Key");
    const KEY_FORM: KeyForm = KeyForm::up_to(80).at_least(15).of(HYPHENS);
    const PUBLISHED: Option<Published> =
        Some(Published::new("docs.onekhusa.com/api-reference/get-started/idempotency", READ));
}

/// Interchecks. A repeated call is refused with 409; the body of the refusal is the first answer.
enum Interchecks {}

impl Provider for Interchecks {
    const NAME: &'static str = "Interchecks";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const WORDS: &'static [Word] =
        &[Word::of_status(102, Says::StillRunning), Word::of_status(409, Says::Done)];
    const PUBLISHED: Option<Published> =
        Some(Published::new("docs-v2.interchecks.com/docs/idempotent-requests", READ));
}

/// Method Financial. The first answer is kept, a 500 too; for how long is not said. (503
/// `IDEMPOTENCY_UNAVAILABLE` says that keys are not looked at just now: no call was made, and a handler
/// may end it as `retry`.)
enum Method {}

impl Provider for Method {
    const NAME: &'static str = "Method Financial";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Everything);
    const KEY_FORM: KeyForm = KeyForm::up_to(255);
    const PUBLISHED: Option<Published> =
        Some(Published::new("docs.methodfi.com/reference/idempotency", READ));
}

/// Swan, GraphQL: the key is an argument of the mutation.
enum Swan {}

impl Provider for Swan {
    const NAME: &'static str = "Swan";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const KEY_PLACE: KeyPlace = KeyPlace::BodyField("variables.input.idempotencyKey");
    const KEY_FORM: KeyForm = KeyForm::up_to(255).of(HYPHENS_AND_UNDERSCORES);
    const PUBLISHED: Option<Published> =
        Some(Published::new("docs.swan.io/developers/using-api/idempotency", READ));
}

/// Monato Fincore, money out. The page shows a UUID of version 5 and checks that it is a UUID. 409 is
/// "still running" only with its code: without, the key came with another body.
enum Monato {}

impl Provider for Monato {
    const NAME: &'static str = "Monato Fincore";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Everything);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const KEY_FORM: KeyForm = KeyForm::up_to(36).at_least(36).of(KeyAlphabet::UUID);
    const WORDS: &'static [Word] = &[Word::of(409, "operation_in_progress", Says::StillRunning)];
    const PUBLISHED: Option<Published> = Some(Published::new(
        "fincore-monato.redocly.app/products/fincore/guides/idempotency",
        READ,
    ));
}

/// `SmartRetry`. A 5xx is not kept, everything else is: the careful reading is that only successes are.
enum SmartRetry {}

impl Provider for SmartRetry {
    const NAME: &'static str = "SmartRetry";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Successes);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const WORDS: &'static [Word] = &[
        Word::of(409, "IDEMPOTENCY_CONFLICT", Says::OtherBody),
        Word::of(503, "RESOURCE_LOCKED", Says::StillRunning),
    ];
    const PUBLISHED: Option<Published> =
        Some(Published::new("smartretry.com/docs/api-reference/idempotency", READ));
}

/// `BlooBank`, payment orders. The key belongs to the order that it has made.
enum BlooBank {}

impl Provider for BlooBank {
    const NAME: &'static str = "BlooBank";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_PLACE: KeyPlace = KeyPlace::BodyField("idempotencyKey");
    const WORDS: &'static [Word] =
        &[Word::of(422, "IDEMPOTENCY_KEY_IN_USE_WITH_DIFFERENT_PARAMS", Says::OtherBody)];
    const PUBLISHED: Option<Published> =
        Some(Published::new("developers.bloobank.com/get-started/concepts/idempotency", READ));
}

const TWELVE: [Terms; 12] = [
    Terms::of::<TrueLayer>(),
    Terms::of::<WorldlineDirect>(),
    Terms::of::<BlueSnap>(),
    Terms::of::<BlindPay>(),
    Terms::of::<Payware>(),
    Terms::of::<OneKhusa>(),
    Terms::of::<Interchecks>(),
    Terms::of::<Method>(),
    Terms::of::<Swan>(),
    Terms::of::<Monato>(),
    Terms::of::<SmartRetry>(),
    Terms::of::<BlooBank>(),
];

/// And a call in doubt is repeated only where the page promises that this settles it.
#[test]
fn twelve_more_providers_fit_into_the_trait() {
    let repeating = TWELVE.iter().filter(|terms| terms.repeats_in_doubt());
    let repeating: Vec<&str> = repeating.map(Terms::name).collect();
    assert_eq!(repeating, ["TrueLayer", "Worldline Direct", "payware", "Swan", "Monato Fincore"]);
}

#[test]
fn none_of_them_is_ready_already() {
    let ready: Vec<&str> = orch::providers::ALL.iter().map(Terms::name).collect();
    for terms in TWELVE {
        assert!(!ready.contains(&terms.name()), "{}", terms.name());
    }
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct Pay {
    order: u64,
}

/// Repeated in doubt, by the contract alone.
#[orchestrated(domain = "OTHERS", event = "TRUELAYER", provider = TrueLayer)]
async fn by_truelayer(_cmd: Pay, ctx: Context<TrueLayer>) -> Result<String, HttpOutcome> {
    let (name, value) = ctx.provider_key().header();
    Ok(format!("{name}: {}", value.to_str().unwrap()))
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct Check {
    order: u64,
}

/// Asked in doubt: the refusal of a repeated call is a word that means *done*.
#[orchestrated(
    domain = "OTHERS",
    event = "INTERCHECKS",
    provider = Interchecks,
    reconcile = at_interchecks
)]
async fn by_interchecks(_cmd: Check, ctx: Context<Interchecks>) -> Result<String, HttpOutcome> {
    Ok(ctx.provider_key().to_string())
}

async fn at_interchecks(_cmd: Check) -> Reconciled<String> {
    Reconciled::NotHappened
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct Transfer {
    order: u64,
}

/// The key goes into the variables of the mutation.
#[orchestrated(domain = "OTHERS", event = "SWAN", provider = Swan)]
async fn by_swan(cmd: Transfer, ctx: Context<Swan>) -> Result<String, HttpOutcome> {
    let key = ctx.provider_key().as_str();
    Ok(format!(r#"{{"input":{{"idempotencyKey":"{key}","reference":"{}"}}}}"#, cmd.order))
}

#[tokio::test]
async fn their_handlers_send_keys_as_the_contract_wants_them() {
    let ctx = Context::for_test(&Pay { order: 1 }).unwrap();
    let sent = by_truelayer(Pay { order: 1 }, ctx).await.unwrap();
    assert_eq!(sent.strip_prefix("idempotency-key: ").unwrap().len(), 36);
    let ctx = Context::for_test(&Check { order: 1 }).unwrap();
    assert_eq!(by_interchecks(Check { order: 1 }, ctx).await.unwrap().len(), 36);
    let ctx = Context::for_test(&Transfer { order: 1 }).unwrap();
    let sent = by_swan(Transfer { order: 1 }, ctx).await.unwrap();
    assert!(sent.starts_with(r#"{"input":{"idempotencyKey":""#), "{sent}");
}
