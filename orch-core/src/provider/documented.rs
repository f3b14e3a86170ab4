//! Contracts of providers that have published theirs, and the two for everything else.
//!
//! Each names its source and the date on which that was read (`PUBLISHED`). A provider may change its page: your
//! own agreement with it comes first; write it as your own contract.

use std::time::Duration;

use super::{Keeps, KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat, Word};
use crate::policies::Meaning;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The default: nothing is known about the provider, and its keys are assumed to be remembered as
/// long as an operation may last. Name the real contract where there is one.
#[derive(Debug, Clone, Copy)]
pub enum AnyProvider {}

impl Provider for AnyProvider {
    const NAME: &'static str = "any provider";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
}

/// A provider without idempotency keys. The handler must then declare its effect, and it is not
/// `keyed`.
///
/// `Context::provider_key` exists all the same: many such providers accept your own reference, by
/// which `reconcile` can find the call.
#[derive(Debug, Clone, Copy)]
pub enum Unkeyed {}

impl Provider for Unkeyed {
    const NAME: &'static str = "Unkeyed";
    const REPEAT: Repeat = Repeat::Acts;
}

/// Stripe, the API's version 1.
///
/// Keys are pruned when they are at least 24 hours old. The first answer is kept whether it is a
/// success or an error, 500 included; a refusal before the endpoint begins (validation, or another
/// call with the key at work) is not. Another body under the same key is refused. Up to 255
/// characters. The code of an answer is the field `code` of its `error`, or `type` where there is
/// none.
///
/// Give the handler a `reconcile`. After a 500 it is unknown whether the call has acted; the same
/// key only gets the same 500 again, and with a new one it would be another charge.
///
/// Source: API reference, "Idempotent requests", which bears no date.
#[derive(Debug, Clone, Copy)]
pub enum Stripe {}

impl Provider for Stripe {
    const NAME: &'static str = "Stripe";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Everything);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const WORDS: &'static [Word] = &[
        Word::of(409, "idempotency_key_in_use", Meaning::StillRunning),
        Word::of_code("idempotency_error", Meaning::OtherBody),
    ];
    const PUBLISHED: Option<Published> =
        Some(Published::new("docs.stripe.com/api/idempotent_requests", (2026, 11, 28)));
}

/// Checkout.com.
///
/// Keys expire after 24 hours unless agreed otherwise. Only a 2xx is kept: after any other answer,
/// a 5xx behind a payment among them, the same key makes another payment. So in doubt the call is not
/// repeated: give a `reconcile` that looks for the reference (`GET /payments?reference=…`). Of two
/// calls at once with one key, one is processed. The page names no limit of length and recommends
/// UUIDs; whether bodies are compared is not said.
///
/// Source: "Retry a payment", updated on 2026-01-07.
#[derive(Debug, Clone, Copy)]
pub enum CheckoutCom {}

impl Provider for CheckoutCom {
    const NAME: &'static str = "Checkout.com";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Successes);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const KEY_PLACE: KeyPlace = KeyPlace::Header("Cko-Idempotency-Key");
    const PUBLISHED: Option<Published> = Some(Published::new(
        "checkout.com/docs/payments/manage-payments/retry-a-payment",
        (2026, 11, 28),
    ));
}

/// Qonto.
///
/// Keys expire after 30 minutes. Successful answers are kept and no others, so in doubt the call is not
/// repeated: give a `reconcile` that looks into the list. A repeated key gets the kept answer whatever
/// the body is. The page names no limit of length and recommends UUIDs.
///
/// Source: "Idempotent requests", which bears no date.
#[derive(Debug, Clone, Copy)]
pub enum Qonto {}

impl Provider for Qonto {
    const NAME: &'static str = "Qonto";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Successes);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(MINUTE.saturating_mul(30));
    const KEY_PLACE: KeyPlace = KeyPlace::Header("X-Qonto-Idempotency-Key");
    const PUBLISHED: Option<Published> = Some(Published::new(
        "docs.qonto.com/get-started/general/idempotent-requests",
        (2026, 11, 28),
    ));
}

/// Square.
///
/// The key goes into the request's body, in the field `idempotency_key`, and not into a header:
/// send [`as_str`](super::ProviderKey::as_str) there. At most 45 characters in `CreatePayment`;
/// other endpoints allow more. Another body under the same key is refused, "depending on the API".
/// How long keys are remembered is not published, so in doubt a call is not repeated: give
/// `reconcile`, or park, or fail.
///
/// Source: the specification of the API, 2025-08-19.
#[derive(Debug, Clone, Copy)]
pub enum Square {}

impl Provider for Square {
    const NAME: &'static str = "Square";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unpublished;
    const KEY_PLACE: KeyPlace = KeyPlace::BodyField("idempotency_key");
    const KEY_FORM: KeyForm = KeyForm::up_to(45);
    const WORDS: &'static [Word] = &[Word::of_code("IDEMPOTENCY_KEY_REUSED", Meaning::OtherBody)];
    const PUBLISHED: Option<Published> = Some(Published::new(
        "github.com/square/connect-api-specification, api.json of 2025-08-19",
        (2026, 11, 28),
    ));
}
