use std::convert::Infallible;
use std::sync::Arc;

use orch::internals::handler::{Call, HandledCommand, Registration, States, Storable};
use orch::internals::policies::{Effect, InDoubt, Retention};
use orch::internals::words::{AttemptEnd, KeySource, Outcome as End};
use orch::prelude::*;
use orch::{
    AnyProvider, Keeps, KeyAlphabet, KeyForm, KeyLifetime, KeyPlace, Provider, ProviderKey, Qonto,
    Repeat, Square, Stripe, Unkeyed,
};

use crate::world::{call, registration};

const HOUR: Duration = Duration::from_secs(60 * 60);

macro_rules! command {
    ($($name:ident)*) => {
        $(
            #[derive(Serialize, Deserialize, Command)]
            #[command(biz_key = "{id}")]
            struct $name {
                id: u32,
            }
        )*
    };
}

command!(Charge Transfer Order Look Sms Own Named);

/// What a client sends.
type Sent = (String, String);

fn sent<P: Provider>(key: &ProviderKey<P>) -> Sent {
    let (name, value) = key.header();
    (name.to_string(), value.to_str().unwrap().to_owned())
}

#[orchestrated(
    domain = "PROVIDERS",
    event = "CHARGE",
    provider = Stripe,
    reconcile = find_charge,
    reconcile_timeout = "5s",
    reconcile_backoff(base = "2s", cap = "1m"),
    max_reconciles = 7
)]
async fn charge(_cmd: Charge, ctx: Context<Stripe>) -> Result<Sent, Infallible> {
    Ok(sent(ctx.provider_key()))
}

async fn find_charge(_cmd: Charge, ctx: Context<Stripe>) -> Reconciled<Sent> {
    Reconciled::Happened(sent(ctx.provider_key()))
}

#[orchestrated(domain = "PROVIDERS", event = "TRANSFER", provider = Qonto, effect = "keyed")]
async fn transfer(_cmd: Transfer, ctx: Context<Qonto>) -> Result<Sent, Infallible> {
    Ok(sent(ctx.provider_key()))
}

#[orchestrated(domain = "PROVIDERS", event = "ORDER", provider = Square)]
async fn order(_cmd: Order, ctx: Context<Square>) -> Result<String, Infallible> {
    Ok(ctx.provider_key().to_string())
}

#[orchestrated(domain = "PROVIDERS", event = "LOOK", provider = Stripe, effect = "read")]
async fn look(cmd: Look) -> Result<u32, Infallible> {
    Ok(cmd.id)
}

#[orchestrated(
    domain = "PROVIDERS",
    event = "SMS",
    provider = Unkeyed,
    effect = "unsafe",
    in_doubt = "fail"
)]
async fn sms(_cmd: Sms, ctx: Context<Unkeyed>) -> Result<String, Infallible> {
    Ok(ctx.provider_key().to_string())
}

enum Bank {}

impl Provider for Bank {
    const NAME: &'static str = "the bank";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(HOUR);
    const KEY_PLACE: KeyPlace = KeyPlace::Header("X-Request-Id");
    const KEY_FORM: KeyForm = KeyForm::up_to(22).of(KeyAlphabet::ALPHANUMERIC);
}

#[orchestrated(domain = "PROVIDERS", event = "OWN", provider = self::Bank)]
async fn own(_cmd: Own, limit: State<u32>, bank: BankContext) -> Result<Sent, Infallible> {
    assert_eq!(*limit, 3);
    Ok(sent(bank.provider_key()))
}

/// The key counts, not the name or the place of the argument that brings it.
type BankContext = Context<Bank>;

#[orchestrated(domain = "PROVIDERS", event = "NAMED", effect = "keyed")]
async fn named(_cmd: Named, ctx: Context<AnyProvider>) -> Result<Sent, Infallible> {
    Ok(sent(ctx.provider_key()))
}

/// An attempt after so many definite errors.
fn attempt<C: HandledCommand>(command: &C, generation: u32) -> Call {
    let mut call = call(command, States::default().with(3_u32));
    Arc::make_mut(&mut call.envelope).key_generation = generation;
    call
}

fn output<T: Storable>(end: &AttemptEnd) -> T {
    let AttemptEnd::Outcome(End::Ok { output }) = end else { panic!("{end:?}") };
    T::from_payload(output).unwrap()
}

/// What the handler of `C` returned in such an attempt, and the text of the operation's key.
async fn key<C: HandledCommand, P: Provider>(command: &C, generation: u32) -> (C::Output, String) {
    let call = attempt(command, generation);
    let end = (registration::<C>().attempt)(&call).unwrap().await.end;
    (output(&end), ProviderKey::<P>::text_of(call.envelope.key_source()))
}

#[tokio::test]
async fn the_key_goes_under_the_header_of_its_contract() {
    let ((name, value), text) = key::<_, Stripe>(&Charge { id: 1 }, 0).await;
    assert_eq!((name.as_str(), value), ("idempotency-key", text));
    let ((name, value), text) = key::<_, Qonto>(&Transfer { id: 1 }, 0).await;
    assert_eq!((name.as_str(), value), ("x-qonto-idempotency-key", text));
    let ((name, value), text) = key::<_, AnyProvider>(&Named { id: 1 }, 0).await;
    assert_eq!((name.as_str(), value), ("idempotency-key", text));
}

#[tokio::test]
async fn the_key_fits_a_contract_of_ones_own() {
    let ((name, value), text) = key::<_, Bank>(&Own { id: 1 }, 0).await;
    assert_eq!((name.as_str(), &value), ("x-request-id", &text));
    assert!(value.len() == 22 && value.bytes().all(|c| c.is_ascii_alphanumeric()), "{value}");
}

#[tokio::test]
async fn each_generation_has_its_key_whether_errors_are_replayed_or_not() {
    let call = attempt(&Charge { id: 1 }, 1);
    let end = (registration::<Charge>().attempt)(&call).unwrap().await.end;
    let source = call.envelope.key_source();
    let text = |generation| ProviderKey::<Stripe>::text_of(KeySource { generation, ..source });
    assert_eq!(output::<Sent>(&end).1, text(1));
    assert_ne!(text(0), text(1));

    // The row counted while the handler was bound to a provider that replays errors.
    let call = attempt(&Transfer { id: 1 }, 1);
    let end = (registration::<Transfer>().attempt)(&call).unwrap().await.end;
    let replayed = ProviderKey::<Stripe>::text_of(call.envelope.key_source());
    assert_eq!(output::<Sent>(&end).1, replayed);
}

#[test]
fn whether_errors_are_replayed_reaches_the_row_of_a_claim() {
    for (registration, replays_errors) in [
        (registration::<Charge>(), true),
        (registration::<Look>(), true),
        (registration::<Transfer>(), false),
        (registration::<Own>(), false),
        (registration::<Named>(), false),
    ] {
        let policy = registration.policy(Retention::DEFAULT).unwrap();
        assert_eq!(policy.replays_errors, replays_errors, "{}", registration.descriptor.name);
    }
}

#[tokio::test]
async fn a_question_has_the_key_of_the_call_that_it_is_about() {
    let call = attempt(&Charge { id: 1 }, 2);
    let ran = (registration::<Charge>().attempt)(&call).unwrap().await.end;
    let asked = (registration::<Charge>().reconcile.unwrap())(&call).unwrap().await.end;
    assert_eq!(output::<Sent>(&ran), output::<Sent>(&asked));
}

#[tokio::test]
async fn a_key_in_the_body_and_a_reference_are_texts() {
    let (value, text) = key::<_, Square>(&Order { id: 1 }, 0).await;
    assert_eq!((value, Square::KEY_PLACE), (text, KeyPlace::BodyField("idempotency_key")));
    let (value, text) = key::<_, Unkeyed>(&Sms { id: 1 }, 0).await;
    assert_eq!(value, text);
}

#[test]
fn effect_and_lifetime_reach_the_descriptor() {
    let said = |registration: &Registration| {
        let descriptor = registration.descriptor;
        (descriptor.effect, descriptor.in_doubt, descriptor.key_lifetime)
    };
    let half_an_hour = Some(HOUR / 2);
    for (registration, expected) in [
        (registration::<Charge>(), (Effect::Keyed, InDoubt::Reconcile, Some(24 * HOUR))),
        (registration::<Transfer>(), (Effect::Keyed, InDoubt::Park, half_an_hour)),
        (registration::<Order>(), (Effect::Keyed, InDoubt::Park, None)),
        (registration::<Look>(), (Effect::Read, InDoubt::Retry, None)),
        (registration::<Sms>(), (Effect::Unsafe, InDoubt::Fail, None)),
        (registration::<Own>(), (Effect::Keyed, InDoubt::Retry, Some(HOUR))),
        (registration::<Named>(), (Effect::Keyed, InDoubt::Retry, None)),
    ] {
        assert_eq!(said(registration), expected, "{}", registration.descriptor.name);
    }
}

#[tokio::test]
async fn a_context_for_a_test_is_of_the_handlers_provider() {
    let command = Charge { id: 1 };
    let ctx = Context::for_test(&command).unwrap();
    let key = ctx.provider_key().clone();
    assert_eq!(charge(command, ctx).await, Ok(sent(&key)));
    let command = Look { id: 1 };
    assert_eq!(look(command).await, Ok(1));
}
