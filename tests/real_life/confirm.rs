//! A browser has authorised a payment, and the server confirms it: Toss Payments, and what all such flows
//! share. The other providers are in `confirm_others.rs`.

use orch::prelude::*;
use orch::providers::TossConfirm;
use orch::{AcceptError, Orchestrator, Provider, Says, Word};
use serde_json::{Value, json};

use crate::confirm_gateway::{Gateway, Lost};

/// What the browser brings back from the payment window. Anyone can write it.
struct Redirect {
    order_id: String,
    payment_key: String,
    amount: u64,
}

#[derive(Debug, thiserror::Error)]
enum CheckoutError {
    #[error("no such order")]
    UnknownOrder,
    #[error("the amount is not that of the order")]
    OtherAmount,
    #[error(transparent)]
    NotAccepted(#[from] AcceptError),
}

/// The end of the redirect. The amount that is confirmed is the stored one, and the browser's must be the
/// same: otherwise something was changed on the way.
async fn checkout(
    orders: &Orders,
    orchestrator: &Orchestrator,
    back: Redirect,
) -> Result<Accepted<ConfirmToss>, CheckoutError> {
    let amount = orders.amount_of(&back.order_id).ok_or(CheckoutError::UnknownOrder)?;
    if amount != back.amount {
        return Err(CheckoutError::OtherAmount);
    }
    let confirm = ConfirmToss { order_id: back.order_id, payment_key: back.payment_key, amount };
    Ok(orchestrator.accept(confirm).await?)
}

#[derive(Debug, thiserror::Error, Outcome)]
pub(crate) enum ConfirmError {
    /// Reads like a refusal and is none: the payment is there, made by an attempt whose answer was lost,
    /// by another server, or by the customer's second click. `reconcile` finds it.
    #[outcome(already_done)]
    #[error("confirmed already")]
    AlreadyProcessed,
    #[outcome(still_running)]
    #[error("the provider is at work on it")]
    StillRunning,
    /// The provider has looked at the payment, and has not taken the money.
    #[outcome(fail, code = "DECLINED")]
    #[error("declined: {0}")]
    Declined(String),
    /// Nothing came back, or nothing that says what has happened.
    #[outcome(in_doubt)]
    #[error("no answer that can be relied on")]
    NoAnswer,
}

impl Gateway {
    /// Sends a confirm. The words of the contract `P` say what the provider's own answers mean; only the
    /// codes in `declines` are declines, and whatever is unknown is asked about.
    pub(crate) async fn confirm<P: Provider>(
        &self,
        path: &str,
        body: Value,
        declines: &[&str],
    ) -> Result<Value, ConfirmError> {
        let answer = self.post(path, &body).await.map_err(|Lost| ConfirmError::NoAnswer)?;
        let code = answer.code.as_deref();
        let said = Word::find(P::WORDS, answer.status, code).map(|word| word.says);
        match (said, code) {
            (Some(Says::Done), _) => Err(ConfirmError::AlreadyProcessed),
            (Some(Says::StillRunning), _) => Err(ConfirmError::StillRunning),
            (None, None) if answer.status == 200 => Ok(answer.body),
            (None, Some(code)) if declines.contains(&code) => {
                Err(ConfirmError::Declined(code.to_owned()))
            }
            _ => Err(ConfirmError::NoAnswer),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) order_id: String,
    pub(crate) amount: u64,
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct ConfirmToss {
    order_id: String,
    #[command(idem_key)]
    payment_key: String,
    /// That of the stored order.
    amount: u64,
}

#[orchestrated(
    domain = "CONFIRM",
    event = "TOSS",
    provider = TossConfirm,
    reconcile = find_at_toss,
    reconcile_backoff(base = "1ms", cap = "1m"),
    max_reconciles = 5,
    backoff(base = "1ms", cap = "1m")
)]
async fn confirm_at_toss(cmd: ConfirmToss, toss: State<Gateway>) -> Result<Receipt, ConfirmError> {
    let body = json!({
        "paymentKey": cmd.payment_key, "orderId": cmd.order_id, "amount": cmd.amount,
    });
    toss.confirm::<TossConfirm>("/v1/payments/confirm", body, &["REJECT_CARD_PAYMENT"]).await?;
    Ok(Receipt { order_id: cmd.order_id, amount: cmd.amount })
}

async fn find_at_toss(cmd: ConfirmToss, toss: State<Gateway>) -> Result<Reconciled<Receipt>, Lost> {
    let payment = toss.get(&format!("/v1/payments/orders/{}", cmd.order_id)).await?;
    Ok(match payment["status"].as_str() {
        Some("DONE") if payment["totalAmount"] == cmd.amount => {
            Reconciled::Happened(Receipt { order_id: cmd.order_id, amount: cmd.amount })
        }
        // Authorised and not confirmed. The handler runs again: a payment is confirmed at most once, so a
        // confirm that is still on its way and the next one do no harm to each other.
        Some("READY" | "IN_PROGRESS") => Reconciled::NotHappened,
        Some(given_up @ ("EXPIRED" | "ABORTED")) => Reconciled::Refused {
            code: given_up.to_owned(),
            message: "the customer has not paid in time, or has given up".to_owned(),
        },
        // Another amount, or cancelled meanwhile: after `max_reconciles` an operator looks.
        _ => Reconciled::Unanswered,
    })
}

/// The shop's own table.
struct Orders(Vec<(&'static str, u64)>);

impl Orders {
    fn amount_of(&self, order: &str) -> Option<u64> {
        self.0.iter().find(|(id, _)| *id == order).map(|(_, amount)| *amount)
    }
}

mod tests {
    use orch::{Phase, Status};
    use orch_testkit::crash_matrix;

    use super::*;
    use crate::confirm_gateway::Next;

    fn back(amount: u64) -> Redirect {
        Redirect { order_id: "O-1".into(), payment_key: "T-1".into(), amount }
    }

    async fn start(gateway: &Gateway) -> (Runtime, Orchestrator) {
        let runtime = Runtime::connect("memory:").only([("CONFIRM", "TOSS")]);
        let runtime = runtime.state(gateway.clone()).start().await.unwrap();
        let orchestrator = runtime.orchestrator().clone();
        (runtime, orchestrator)
    }

    /// The confirm of an order of 500, to its end.
    async fn confirmed(gateway: &Gateway) -> Waited<Receipt> {
        let (runtime, orchestrator) = start(gateway).await;
        let accepted = checkout(&Orders(vec![("O-1", 500)]), &orchestrator, back(500)).await;
        let waited = orchestrator.wait(&accepted.unwrap(), Duration::from_secs(30)).await.unwrap();
        let _ = runtime.shutdown().await;
        waited
    }

    fn receipt() -> Waited<Receipt> {
        Waited::Ok(Receipt { order_id: "O-1".into(), amount: 500 })
    }

    #[tokio::test]
    async fn a_confirm_whose_answer_is_lost_is_found_and_not_repeated() {
        let toss = Gateway::where_the_next([Next::LosesItsAnswer]);
        assert_eq!(confirmed(&toss).await, receipt());
        assert_eq!(toss.counts(), (1, 1));
    }

    #[tokio::test]
    async fn a_confirm_that_never_arrived_is_sent_again() {
        let toss = Gateway::where_the_next([Next::IsLost]);
        assert_eq!(confirmed(&toss).await, receipt());
        assert_eq!(toss.counts(), (1, 1));
    }

    #[tokio::test]
    async fn already_processed_by_another_server_is_a_success() {
        let toss = Gateway::where_the_next([Next::ComesSecond]);
        assert_eq!(confirmed(&toss).await, receipt());
        assert_eq!(toss.counts(), (1, 1));
    }

    #[tokio::test]
    async fn while_the_provider_is_at_work_it_is_asked() {
        let toss = Gateway::where_the_next([Next::FindsItBusy]);
        assert_eq!(confirmed(&toss).await, receipt());
        assert_eq!(toss.counts(), (1, 2));
    }

    #[tokio::test]
    async fn an_amount_that_the_browser_has_changed_is_not_confirmed() {
        let toss = Gateway::default();
        let (runtime, orchestrator) = start(&toss).await;
        let refused = checkout(&Orders(vec![("O-1", 500)]), &orchestrator, back(5)).await;
        let unknown = checkout(&Orders(vec![]), &orchestrator, back(500)).await;
        let _ = runtime.shutdown().await;
        assert!(matches!(refused, Err(CheckoutError::OtherAmount)));
        assert!(matches!(unknown, Err(CheckoutError::UnknownOrder)));
        assert_eq!(toss.counts(), (0, 0));
    }

    #[tokio::test]
    async fn a_payment_of_another_amount_is_left_to_an_operator() {
        let toss = Gateway::default();
        toss.has_been_paid("O-1", 5);
        let (runtime, orchestrator) = start(&toss).await;
        let accepted = checkout(&Orders(vec![("O-1", 500)]), &orchestrator, back(500)).await;
        let accepted = accepted.unwrap();
        let parked = async {
            while orchestrator.get(accepted.op_id).await.unwrap().unwrap().phase
                != Some(Phase::Parked)
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), parked).await.unwrap();
        let _ = runtime.shutdown().await;
        assert_eq!(toss.counts(), (0, 1));
    }

    #[tokio::test]
    async fn whatever_crashes_a_payment_is_confirmed_once() {
        let command =
            ConfirmToss { order_id: "O-1".into(), payment_key: "T-1".into(), amount: 500 };
        let report = crash_matrix(confirm_at_toss, command)
            .against(Gateway::default)
            .state(|toss| Gateway::clone(toss))
            .run()
            .await;
        // `assert_safe` asks each call for a key; here the command has the reference.
        for cell in report.cells() {
            let end = (cell.operation.status, cell.effects);
            assert_eq!(end, (Status::Completed, 1), "{:?}\n{report}", cell.boundary);
        }
    }
}
