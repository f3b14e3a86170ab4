use crate::policies::Says;
use crate::provider::{KeyLifetime, KeyPlace, Provider, Published, Repeat, Word};

/// NICE Payments, the approval of a payment that the customer has authorised. `tid` and
/// `orderId` are in the command.
///
/// NICE answers with status 200 and a `resultCode`, which is the code of an answer. `2201` says
/// that an approval is there, `A127` and `U112` that the order number was used: a payment with
/// it exists. `2156` and `2158` say that a request was registered twice, which leaves open how
/// the first one ended, so no word is made of them.
///
/// Give a `reconcile`: `GET /v1/payments/find/{orderId}`, and compare amount and status. After a read
/// timeout (30 s) NICE asks for a net cancel, which undoes the approval: then the reconcile cancels first, and says `Refused` once that is confirmed. Do not do both. The page about confirm
/// flows of the book shows the whole.
///
/// ```
#[doc = include_str!("example.txt")]
/// use orch::providers::NicePay;
///
/// #[orchestrated(domain = "NICEPAY", event = "APPROVE", provider = NicePay, reconcile = find)]
/// async fn approve(cmd: Pay, api: State<Api>) -> Result<String, HttpOutcome> {
///     api.post("/v1/payments/T-1", &cmd, ()).await
/// }
///
/// async fn find(cmd: Pay, api: State<Api>) -> std::io::Result<Reconciled<String>> {
///     let found = api.find(format!("/v1/payments/find/{}", cmd.order)).await?;
///     // Approved again: a transaction is approved at most once.
///     Ok(found.map_or(Reconciled::NotHappened, Reconciled::Happened))
/// }
/// ```
///
/// Source: the manual, "Codes", and the specification in `@nicepay/start-api-mcp` 0.0.10.
#[derive(Debug, Clone, Copy)]
pub enum NicePay {}

impl Provider for NicePay {
    const NAME: &'static str = "NICE Payments";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
    const KEY_PLACE: KeyPlace = KeyPlace::Command;
    const WORDS: &'static [Word] = &[
        Word::of_code("2201", Says::Done),
        Word::of_code("A127", Says::Done),
        Word::of_code("U112", Says::Done),
    ];
    const PUBLISHED: Option<Published> = Some(Published::new(
        "github.com/nicepayments/nicepay-manual, common/code.md",
        (2026, 11, 28),
    ));
}
