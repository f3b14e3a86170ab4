use super::*;
use crate::policies::Says::{self, Done, OtherBody, StillRunning};
use crate::policies::{Effect, InDoubt};
use crate::provider::rules::Rules;
use crate::provider::{KeyLifetime, KeyPlace, Provider, ProviderKey, Repeat, Word};
use crate::words::{KeySource, OpId};

/// The key of one operation, in each of its spellings.
const SOURCE: KeySource =
    KeySource { op_id: OpId::from_bytes([7; 16]), seed: None, redrive: 0, generation: 0 };
const UUID: &str = "e14da119-7c59-8df6-a8c1-099358a4b00b";
const UUID_4: &str = "e14da119-7c59-4df6-a8c1-099358a4b00b";
const HEX: &str = "e14da1197c590df668c1099358a4b00b";
const LETTERS: &str = "6r8kVzjWvRHRtPcZqw48fz";

/// An answer, and what the contract makes of it.
type Answer = (u16, Option<&'static str>, Says);

/// What is wrong with a contract, which should be as given. Written out once more by hand: a slip in a
/// contract costs a second charge.
fn row<P: Provider>(
    name: &str,
    place: KeyPlace,
    lifetime: KeyLifetime,
    key: &str,
    in_doubt: Option<InDoubt>,
    answers: &[Answer],
) -> (&'static str, Vec<String>) {
    let terms = Terms::of::<P>();
    let mut wrong = Vec::new();
    let mut same = |what: &str, is: String, should: String| {
        if is != should {
            wrong.push(format!("{}: {what} is {is}, not {should}", terms.type_name()));
        }
    };
    let debug = |it: &dyn std::fmt::Debug| format!("{it:?}");
    same("name", terms.name().into(), name.into());
    same("place", debug(&terms.key_place()), debug(&place));
    same("lifetime", debug(&terms.key_lifetime()), debug(&lifetime));
    same("key", ProviderKey::<P>::text_of(SOURCE), key.into());
    let keyed = !matches!(terms.repeat(), Repeat::Acts);
    let default = keyed.then(|| Rules::of::<P>().in_doubt(Effect::Keyed));
    same("in doubt", debug(&default), debug(&in_doubt));
    same("the count of words", terms.words().len().to_string(), answers.len().to_string());
    for &(status, code, meaning) in answers {
        let found = Word::find(terms.words(), status, code).map(|word| word.says);
        same(&format!("{status} {code:?}"), debug(&found), debug(&Some(meaning)));
    }
    // No word takes in what it should not: another code, or none.
    for status in [200, 400, 409, 423, 429, 500] {
        let bare = answers.iter().find(|it| it.0 == status && it.1.is_none()).map(|it| it.2);
        for code in [None, Some("SOMETHING_ELSE")] {
            let found = Word::find(terms.words(), status, code).map(|word| word.says);
            same(&format!("{status} {code:?}"), debug(&found), debug(&bare));
        }
    }
    (terms.type_name(), wrong)
}

const fn seconds(seconds: u64) -> KeyLifetime {
    KeyLifetime::AtLeast(Duration::from_secs(seconds))
}

#[rustfmt::skip]
fn rows() -> Vec<(&'static str, Vec<String>)> {
    vec![
        row::<Adyen>("Adyen", KeyPlace::Header("Idempotency-Key"), seconds(2_678_400), UUID, Some(InDoubt::Retry), &[]),
        row::<AmazonPay>("Amazon Pay", KeyPlace::Header("x-amz-pay-idempotency-key"), KeyLifetime::Unlimited, HEX, Some(InDoubt::Retry), &[(200, Some("DuplicateIdempotencyKey"), OtherBody)]),
        row::<AwsFifo>("AWS FIFO queues and topics", KeyPlace::BodyField("MessageDeduplicationId"), seconds(300), UUID, Some(InDoubt::Retry), &[]),
        row::<AwsSes>("AWS SES", KeyPlace::Header("Idempotency-Key"), KeyLifetime::Unpublished, UUID, None, &[]),
        row::<BvnkV1>("BVNK v1", KeyPlace::Header("X-Idempotency-Key"), KeyLifetime::Unpublished, UUID_4, Some(InDoubt::Park), &[]),
        row::<BvnkV2>("BVNK v2", KeyPlace::Header("Idempotency-Key"), KeyLifetime::Unpublished, UUID_4, Some(InDoubt::Park), &[]),
        row::<CheckoutCom>("Checkout.com", KeyPlace::Header("Cko-Idempotency-Key"), seconds(86_400), UUID, Some(InDoubt::Park), &[]),
        row::<Circle>("Circle", KeyPlace::BodyField("idempotencyKey"), KeyLifetime::Unpublished, UUID_4, Some(InDoubt::Park), &[]),
        row::<Fireblocks>("Fireblocks", KeyPlace::Header("Idempotency-Key"), seconds(86_400), UUID, Some(InDoubt::Retry), &[]),
        row::<FireblocksTransaction>("Fireblocks transactions", KeyPlace::BodyField("externalTxId"), KeyLifetime::Unlimited, UUID, Some(InDoubt::Park), &[]),
        row::<Flutterwave>("Flutterwave v4", KeyPlace::Header("X-Idempotency-Key"), KeyLifetime::Unpublished, UUID, Some(InDoubt::Park), &[]),
        row::<GmoPg>("GMO Payment Gateway", KeyPlace::BodyField("OrderID"), KeyLifetime::Unlimited, LETTERS, Some(InDoubt::Park), &[(200, Some("E01040010"), Done)]),
        row::<GoCardless>("GoCardless", KeyPlace::Header("Idempotency-Key"), KeyLifetime::Unpublished, UUID, Some(InDoubt::Park), &[(409, Some("idempotent_creation_conflict"), Done)]),
        row::<Increase>("Increase", KeyPlace::Header("Idempotency-Key"), KeyLifetime::Unpublished, UUID, Some(InDoubt::Park), &[(409, Some("idempotency_key_already_used_error"), OtherBody)]),
        row::<LineMessaging>("LINE Messaging API", KeyPlace::Header("X-Line-Retry-Key"), seconds(86_400), UUID, Some(InDoubt::Park), &[(409, None, Done)]),
        row::<LinePay>("LINE Pay", KeyPlace::Command, KeyLifetime::Unlimited, UUID, Some(InDoubt::Park), &[(200, Some("1152"), Done), (200, Some("1172"), Done), (200, Some("1198"), StillRunning), (200, Some("1145"), StillRunning)]),
        row::<Lithic>("Lithic", KeyPlace::Header("Idempotency-Key"), KeyLifetime::Unpublished, UUID_4, Some(InDoubt::Park), &[]),
        row::<Mangopay>("Mangopay", KeyPlace::Header("Idempotency-Key"), seconds(86_400), UUID, Some(InDoubt::Park), &[]),
        row::<MercadoPago>("Mercado Pago", KeyPlace::Header("X-Idempotency-Key"), KeyLifetime::Unpublished, UUID, Some(InDoubt::Park), &[(423, None, StillRunning)]),
        row::<NicePay>("NICE Payments", KeyPlace::Command, KeyLifetime::Unlimited, UUID, Some(InDoubt::Park), &[(200, Some("2201"), Done), (200, Some("A127"), Done), (200, Some("U112"), Done)]),
        row::<PagarMe>("Pagar.me", KeyPlace::Header("Idempotency-Key"), seconds(86_400), UUID, Some(InDoubt::Retry), &[]),
        row::<PayPalOrders>("PayPal Orders", KeyPlace::Header("PayPal-Request-Id"), seconds(21_600), UUID, Some(InDoubt::Retry), &[]),
        row::<PayPalPayments>("PayPal Payments", KeyPlace::Header("PayPal-Request-Id"), seconds(3_888_000), UUID, Some(InDoubt::Retry), &[]),
        row::<PayPalPayouts>("PayPal Payouts", KeyPlace::Header("PayPal-Request-Id"), seconds(2_592_000), UUID, Some(InDoubt::Retry), &[]),
        row::<PayPalSubscriptions>("PayPal Subscriptions", KeyPlace::Header("PayPal-Request-Id"), seconds(259_200), UUID, Some(InDoubt::Retry), &[]),
        row::<PayPalVault>("PayPal Vault", KeyPlace::Header("PayPal-Request-Id"), seconds(10_800), UUID, Some(InDoubt::Retry), &[]),
        row::<PlaidConsentPayment>("Plaid Consent Payment", KeyPlace::BodyField("idempotency_key"), seconds(172_800), UUID, Some(InDoubt::Park), &[]),
        row::<PlaidTransfer>("Plaid Transfer", KeyPlace::BodyField("idempotency_key"), seconds(172_800), UUID, Some(InDoubt::Retry), &[]),
        row::<PlaidWallet>("Plaid Wallet", KeyPlace::BodyField("idempotency_key"), seconds(86_400), UUID, Some(InDoubt::Park), &[]),
        row::<PortOneV1>("PortOne V1", KeyPlace::BodyField("merchant_uid"), KeyLifetime::Unlimited, HEX, Some(InDoubt::Park), &[]),
        row::<PortOneV2>("PortOne V2", KeyPlace::QuotedHeader("Idempotency-Key"), seconds(10_800), UUID, Some(InDoubt::Retry), &[(409, Some("IDEMPOTENCY_OUTSTANDING_REQUEST"), StillRunning)]),
        row::<PortOneV2Confirm>("PortOne V2 confirm", KeyPlace::Command, KeyLifetime::Unlimited, UUID, Some(InDoubt::Park), &[(409, Some("ALREADY_PAID"), Done), (409, Some("IDEMPOTENCY_OUTSTANDING_REQUEST"), StillRunning)]),
        row::<Ppro>("PPRO", KeyPlace::Header("Request-Idempotency-Key"), seconds(86_400), UUID, Some(InDoubt::Retry), &[]),
        row::<Qonto>("Qonto", KeyPlace::Header("X-Qonto-Idempotency-Key"), seconds(1_800), UUID, Some(InDoubt::Park), &[]),
        row::<RazorpayX>("RazorpayX", KeyPlace::Header("X-Payout-Idempotency"), KeyLifetime::Unpublished, UUID, Some(InDoubt::Park), &[]),
        row::<SendGrid>("SendGrid", KeyPlace::Header("Idempotency-Key"), KeyLifetime::Unpublished, UUID, None, &[]),
        row::<Slack>("Slack", KeyPlace::Header("Idempotency-Key"), KeyLifetime::Unpublished, UUID, None, &[]),
        row::<Square>("Square", KeyPlace::BodyField("idempotency_key"), KeyLifetime::Unpublished, UUID, Some(InDoubt::Park), &[(200, Some("IDEMPOTENCY_KEY_REUSED"), OtherBody)]),
        row::<Stripe>("Stripe", KeyPlace::Header("Idempotency-Key"), seconds(86_400), UUID, Some(InDoubt::Retry), &[(409, Some("idempotency_key_in_use"), StillRunning), (200, Some("idempotency_error"), OtherBody)]),
        row::<StripeV2>("Stripe v2", KeyPlace::Header("Idempotency-Key"), KeyLifetime::Unpublished, UUID, Some(InDoubt::Park), &[]),
        row::<Toss>("Toss Payments", KeyPlace::Header("Idempotency-Key"), seconds(1_296_000), UUID, Some(InDoubt::Retry), &[(409, Some("IDEMPOTENT_REQUEST_PROCESSING"), StillRunning)]),
        row::<TossConfirm>("Toss Payments confirm", KeyPlace::Command, KeyLifetime::Unlimited, UUID, Some(InDoubt::Park), &[(200, Some("ALREADY_PROCESSED_PAYMENT"), Done), (409, Some("IDEMPOTENT_REQUEST_PROCESSING"), StillRunning)]),
        row::<Twilio>("Twilio Messages", KeyPlace::Header("Idempotency-Key"), KeyLifetime::Unpublished, UUID, None, &[]),
        row::<Whop>("Whop", KeyPlace::Header("Idempotency-Key"), seconds(86_400), UUID, Some(InDoubt::Park), &[(400, Some("idempotency_key_mismatch"), OtherBody)]),
        row::<Wise>("Wise", KeyPlace::BodyField("customerTransactionId"), KeyLifetime::Unpublished, UUID_4, Some(InDoubt::Park), &[]),
        row::<Zendesk>("Zendesk tickets", KeyPlace::Header("Idempotency-Key"), seconds(7_200), UUID, Some(InDoubt::Park), &[(400, Some("IdempotentRequestError"), OtherBody)]),
    ]
}

#[test]
fn each_contract_says_what_was_read() {
    let rows = rows();
    let wrong: Vec<&String> = rows.iter().flat_map(|(_, wrong)| wrong).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let tested: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
    let listed: Vec<&str> = ALL.iter().map(Terms::type_name).collect();
    assert_eq!(tested, listed);
}

#[test]
fn the_list_is_sorted_and_names_nothing_twice() {
    let mut names: Vec<&str> = ALL.iter().map(Terms::type_name).collect();
    assert!(names.is_sorted());
    names.dedup();
    assert_eq!(names.len(), ALL.len());
    let mut called: Vec<&str> = ALL.iter().map(Terms::name).collect();
    called.sort_unstable();
    called.dedup();
    assert_eq!(called.len(), ALL.len());
}

#[test]
fn each_contract_has_a_source_and_is_due_for_another_look_a_year_later() {
    for terms in ALL {
        let Some(published) = terms.published() else { panic!("{}", terms.type_name()) };
        let (year, month, day) = published.read;
        assert!(!published.is_due((year, month, day)), "{}", terms.type_name());
        assert!(published.is_due((year + 1, month, day)), "{}", terms.type_name());
        // The page itself, not the start page of its host.
        assert!(published.at.contains(['/', ' ']), "{}", published.at);
    }
}

#[test]
fn what_is_due_is_listed() {
    assert_eq!(due((2026, 11, 30)).count(), 0);
    assert_eq!(due((2027, 11, 27)).count(), 0);
    // All of the first catalogue were read on one day.
    assert_eq!(due((2027, 11, 28)).count(), ALL.len());
}
