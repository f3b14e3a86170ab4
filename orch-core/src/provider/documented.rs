//! Contracts of providers that have published theirs, and the two for everything else.
//!
//! Each says where it stands and when that was read. A provider may change its page: what your
//! own agreement with it says comes first, as a contract of your own.

use std::time::Duration;

use super::{KeyLifetime, Provider};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The default: nothing is known about the provider, and its keys are taken to hold as long as an
/// operation may last. Name the real contract where there is one.
#[derive(Debug, Clone, Copy)]
pub enum AnyProvider {}

impl Provider for AnyProvider {
    const NAME: &'static str = "any provider";
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
}

/// A provider without idempotency keys. The effect of a call must be said then, and it is not
/// `keyed`.
///
/// `Context::provider_key` is there all the same: many such
/// providers take a reference of yours, by which `reconcile` can find the call.
#[derive(Debug, Clone, Copy)]
pub enum Unkeyed {}

impl Provider for Unkeyed {
    const NAME: &'static str = "Unkeyed";
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::NoKeys;
}

/// Stripe, the API's version 1.
///
/// Keys are pruned when they are at least 24 hours old. The first answer is kept whether it is a
/// success or an error, 500 included; a refusal before the endpoint begins (validation, or another
/// call with the key at work) is not. Another body under the same key is refused. Up to 255
/// characters.
///
/// Give the handler a `reconcile`. After a 500 nobody knows whether the call has acted; the same
/// key only hears the same 500 again, and with a new one it would be another charge.
///
/// Source: API reference, "Idempotent requests" (`docs.stripe.com/api/idempotent_requests`), which
/// bears no date; read on 2026-11-22.
#[derive(Debug, Clone, Copy)]
pub enum Stripe {}

impl Provider for Stripe {
    const NAME: &'static str = "Stripe";
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
    const REPLAYS_ERRORS: bool = true;
    const COMPARES_BODY: bool = true;
}

/// Checkout.com.
///
/// Keys expire after 24 hours unless agreed otherwise; the page of August 2024 said 120 seconds for
/// the sandbox. Only what was processed is kept: after an error the call is made anew under the
/// same key. A second call while the first is at work gets 429. The page names no limit of length
/// and recommends UUIDs; whether bodies are compared is not said.
///
/// Source: "Idempotency" (`checkout.com/docs/payments/manage-payments/retry-a-payment`), updated on
/// 2024-11-13; read on 2026-11-22.
#[derive(Debug, Clone, Copy)]
pub enum CheckoutCom {}

impl Provider for CheckoutCom {
    const NAME: &'static str = "Checkout.com";
    const HEADER: &'static str = "Cko-Idempotency-Key";
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
}

/// Qonto.
///
/// Keys expire after 30 minutes. Successful answers are kept, and a repeated key gets the kept
/// answer whatever the body is. The page names no limit of length and recommends UUIDs.
///
/// Source: "Idempotent requests" (`docs.qonto.com/get-started/general/idempotent-requests`), which
/// bears no date; read on 2026-11-22.
#[derive(Debug, Clone, Copy)]
pub enum Qonto {}

impl Provider for Qonto {
    const NAME: &'static str = "Qonto";
    const HEADER: &'static str = "X-Qonto-Idempotency-Key";
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(MINUTE.saturating_mul(30));
}

/// Square.
///
/// The key stands in the request's body, in the field `idempotency_key`, and not in a header:
/// send [`as_str`](super::ProviderKey::as_str) there. At most 45 characters in `CreatePayment`;
/// other endpoints allow more. Another body under the same key is refused, "depending on the API".
/// How long keys are remembered is not published, so in doubt a call is not repeated: give
/// `reconcile`, or park, or fail.
///
/// Source: "Idempotency" (`developer.squareup.com/docs/build-basics/common-api-patterns/idempotency`)
/// and the reference of `CreatePayment`, which bear no date; read on 2026-11-22.
#[derive(Debug, Clone, Copy)]
pub enum Square {}

impl Provider for Square {
    const NAME: &'static str = "Square";
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unpublished;
    const BODY_FIELD: Option<&'static str> = Some("idempotency_key");
    const COMPARES_BODY: bool = true;
    const KEY_LENGTH: usize = 45;
}
