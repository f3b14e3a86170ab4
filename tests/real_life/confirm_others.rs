//! The confirm flows of PortOne V2, NICE Payments, LINE Pay, KakaoPay and Naver Pay.

use orch::prelude::*;
use orch::providers::{LinePay, NicePay, PortOneV2Confirm};
use orch::{KeyForm, KeyLifetime, KeyPlace, Provider, Published, Repeat, Says, Word};
use serde_json::json;

use crate::confirm::{ConfirmError, Receipt};
use crate::confirm_gateway::{Gateway, Lost};

// PortOne V2

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "PAYMENT-{payment_id}")]
struct ConfirmPortOne {
    /// Made by the shop; the address of the payment.
    #[command(idem_key)]
    payment_id: String,
    payment_token: String,
    amount: u64,
}

#[orchestrated(
    domain = "CONFIRM",
    event = "PORTONE",
    provider = PortOneV2Confirm,
    reconcile = find_at_portone,
    attempt_timeout = "70s"
)]
async fn confirm_at_portone(
    cmd: ConfirmPortOne,
    portone: State<Gateway>,
) -> Result<Receipt, ConfirmError> {
    let path = format!("/payments/{}/confirm", cmd.payment_id);
    let body = json!({ "paymentToken": cmd.payment_token, "totalAmount": cmd.amount });
    portone.confirm::<PortOneV2Confirm>(&path, body, &[]).await?;
    Ok(Receipt { order_id: cmd.payment_id, amount: cmd.amount })
}

async fn find_at_portone(
    cmd: ConfirmPortOne,
    portone: State<Gateway>,
) -> Result<Reconciled<Receipt>, Lost> {
    let payment = portone.get(&format!("/payments/{}", cmd.payment_id)).await?;
    Ok(match payment["status"].as_str() {
        Some("PAID") if payment["amount"]["total"] == cmd.amount => {
            Reconciled::Happened(Receipt { order_id: cmd.payment_id, amount: cmd.amount })
        }
        Some("READY" | "FAILED") => Reconciled::NotHappened,
        _ => Reconciled::Unanswered,
    })
}

// NICE Payments

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct ApproveNice {
    order_id: String,
    #[command(idem_key)]
    tid: String,
    amount: u64,
}

#[orchestrated(
    domain = "CONFIRM",
    event = "NICE",
    provider = NicePay,
    reconcile = find_at_nice,
    attempt_timeout = "40s"
)]
async fn approve_at_nice(cmd: ApproveNice, nice: State<Gateway>) -> Result<Receipt, ConfirmError> {
    let path = format!("/v1/payments/{}", cmd.tid);
    // `3095`: the card company has declined.
    nice.confirm::<NicePay>(&path, json!({ "amount": cmd.amount }), &["3095"]).await?;
    Ok(Receipt { order_id: cmd.order_id, amount: cmd.amount })
}

async fn find_at_nice(cmd: ApproveNice, nice: State<Gateway>) -> Result<Reconciled<Receipt>, Lost> {
    let payment = nice.get(&format!("/v1/payments/find/{}", cmd.order_id)).await?;
    Ok(match payment["status"].as_str() {
        // This transaction, not another one of the same order.
        Some("paid") if payment["tid"] == *cmd.tid && payment["amount"] == cmd.amount => {
            Reconciled::Happened(Receipt { order_id: cmd.order_id, amount: cmd.amount })
        }
        Some("ready" | "failed") => Reconciled::NotHappened,
        _ => Reconciled::Unanswered,
    })
}

// LINE Pay

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct ConfirmLine {
    order_id: String,
    #[command(idem_key)]
    transaction_id: String,
    amount: u64,
}

#[orchestrated(
    domain = "CONFIRM",
    event = "LINE",
    provider = LinePay,
    reconcile = find_at_line,
    reconcile_backoff(base = "1ms", cap = "1m"),
    attempt_timeout = "50s",
    backoff(base = "1ms", cap = "1m")
)]
async fn confirm_at_line(cmd: ConfirmLine, line: State<Gateway>) -> Result<Receipt, ConfirmError> {
    let path = format!("/v3/payments/{}/confirm", cmd.transaction_id);
    let body = json!({ "amount": cmd.amount, "currency": "JPY" });
    // `1142`: the balance is too low.
    line.confirm::<LinePay>(&path, body, &["1142"]).await?;
    Ok(Receipt { order_id: cmd.order_id, amount: cmd.amount })
}

async fn find_at_line(cmd: ConfirmLine, line: State<Gateway>) -> Result<Reconciled<Receipt>, Lost> {
    let found = line.get(&format!("/v3/payments?orderId={}", cmd.order_id)).await?;
    Ok(match found["returnCode"].as_str() {
        Some("0000") if found["info"][0]["payInfo"][0]["amount"] == cmd.amount => {
            Reconciled::Happened(Receipt { order_id: cmd.order_id, amount: cmd.amount })
        }
        // There is no such transaction. A transaction is confirmed at most once.
        Some("1150") => Reconciled::NotHappened,
        _ => Reconciled::Unanswered,
    })
}

// KakaoPay

/// KakaoPay, the approval of a single payment. A `pg_token` serves once; the code of a second approval is
/// not documented, so there is no word for it.
#[derive(Debug)]
enum KakaoPay {}

impl Provider for KakaoPay {
    const NAME: &'static str = "KakaoPay";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
    const KEY_PLACE: KeyPlace = KeyPlace::Command;
    const PUBLISHED: Option<Published> = Some(Published::new(
        "developers.kakao.com/docs/latest/ko/kakaopay/single-payment",
        (2026, 11, 28),
    ));
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct ApproveKakao {
    order_id: String,
    /// From the first step. It is the only thing to ask by, so store it with the order.
    #[command(idem_key)]
    tid: String,
    pg_token: String,
    user_id: String,
    amount: u64,
}

#[orchestrated(domain = "CONFIRM", event = "KAKAO", provider = KakaoPay, reconcile = find_at_kakao)]
async fn approve_at_kakao(
    cmd: ApproveKakao,
    kakao: State<Gateway>,
) -> Result<Receipt, ConfirmError> {
    let body = json!({
        "cid": "TC0ONETIME", "tid": cmd.tid, "pg_token": cmd.pg_token,
        "partner_order_id": cmd.order_id, "partner_user_id": cmd.user_id,
        "total_amount": cmd.amount,
    });
    // No code is a decline for certain: each refusal is asked about.
    kakao.confirm::<KakaoPay>("/online/v1/payment/approve", body, &[]).await?;
    Ok(Receipt { order_id: cmd.order_id, amount: cmd.amount })
}

async fn find_at_kakao(
    cmd: ApproveKakao,
    kakao: State<Gateway>,
) -> Result<Reconciled<Receipt>, Lost> {
    // A POST there, and by the tid: the order number does not find it.
    let order = kakao.get(&format!("/online/v1/payment/order?tid={}", cmd.tid)).await?;
    Ok(match order["status"].as_str() {
        Some("SUCCESS_PAYMENT") if order["amount"]["total"] == cmd.amount => {
            Reconciled::Happened(Receipt { order_id: cmd.order_id, amount: cmd.amount })
        }
        // The customer is through, and the approval is not.
        Some("AUTH_PASSWORD") => Reconciled::NotHappened,
        _ => Reconciled::Unanswered,
    })
}

// Naver Pay

/// Naver Pay, the approval of a payment. Its page does not say for how long a key is remembered, nor what
/// is kept behind one; the codes are those of public integrations.
#[derive(Debug)]
enum NaverPay {}

impl Provider for NaverPay {
    const NAME: &'static str = "Naver Pay";
    const KEY_PLACE: KeyPlace = KeyPlace::Header("X-NaverPay-Idempotency-Key");
    const KEY_FORM: KeyForm = KeyForm::up_to(64);
    const WORDS: &'static [Word] = &[
        Word::of_code("AlreadyComplete", Says::Done),
        Word::of_code("AlreadyOnGoing", Says::StillRunning),
    ];
    const PUBLISHED: Option<Published> = Some(Published::new(
        "docs.pay.naver.com/docs/onetime-payment, and public integrations",
        (2026, 11, 28),
    ));
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct ApplyNaver {
    order_id: String,
    #[command(idem_key)]
    payment_id: String,
    amount: u64,
}

#[orchestrated(
    domain = "CONFIRM",
    event = "NAVER",
    provider = NaverPay,
    reconcile = find_at_naver,
    attempt_timeout = "70s"
)]
async fn apply_at_naver(
    cmd: ApplyNaver,
    ctx: Context<NaverPay>,
    naver: State<Gateway>,
) -> Result<Receipt, ConfirmError> {
    let path = "/naverpay/payments/v2.2/apply/payment";
    let body = json!({ "paymentId": cmd.payment_id });
    // The same key for each attempt; a fresh UUID for each call would protect nothing.
    naver.with(ctx.provider_key().header()).confirm::<NaverPay>(path, body, &[]).await?;
    Ok(Receipt { order_id: cmd.order_id, amount: cmd.amount })
}

async fn find_at_naver(
    cmd: ApplyNaver,
    naver: State<Gateway>,
) -> Result<Reconciled<Receipt>, Lost> {
    let path = format!("/naverpay/payments/v2.2/list/history/{}", cmd.payment_id);
    let payment = &naver.get(&path).await?["body"]["list"][0];
    Ok(match payment["admissionState"].as_str() {
        Some("SUCCESS") if payment["totalPayAmount"] == cmd.amount => {
            Reconciled::Happened(Receipt { order_id: cmd.order_id, amount: cmd.amount })
        }
        // Nothing there yet, or a failure: ask again, and in the end an operator.
        _ => Reconciled::Unanswered,
    })
}

mod tests {
    use super::*;
    use crate::confirm_gateway::Next;

    async fn confirmed_at_line(gateway: &Gateway) -> Waited<Receipt> {
        let runtime = Runtime::connect("memory:").only([("CONFIRM", "LINE")]);
        let runtime = runtime.state(gateway.clone()).start().await.unwrap();
        let orchestrator = runtime.orchestrator();
        let confirm =
            ConfirmLine { order_id: "O-1".into(), transaction_id: "T-1".into(), amount: 500 };
        let accepted = orchestrator.accept(confirm).await.unwrap();
        let waited = orchestrator.wait(&accepted, Duration::from_secs(30)).await.unwrap();
        let _ = runtime.shutdown().await;
        waited
    }

    fn receipt() -> Waited<Receipt> {
        Waited::Ok(Receipt { order_id: "O-1".into(), amount: 500 })
    }

    #[tokio::test]
    async fn an_answer_that_is_lost_is_looked_up_by_the_order() {
        let line = Gateway::where_the_next([Next::LosesItsAnswer]);
        assert_eq!(confirmed_at_line(&line).await, receipt());
        assert_eq!(line.counts(), (1, 1));
    }

    #[tokio::test]
    async fn a_refusal_with_status_200_that_means_success_is_one() {
        let line = Gateway::where_the_next([Next::ComesSecond]);
        assert_eq!(confirmed_at_line(&line).await, receipt());
        assert_eq!(line.counts(), (1, 1));
    }
}
