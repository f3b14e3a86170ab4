//! The application after the deploy.

use orch::internals::flow::AcceptError;
use orch::{Context, OpId, Reconciled, State};
use orch_lab::ledger::{Answer, Receipt};
use serde::{Deserialize, Serialize};

use super::Asked;
use super::kind::kind;
use crate::handlers::{CallError, Desk};
use crate::hooks::{book_postgres, book_slip_postgres, book_slip_sqlite, book_sqlite};
use crate::order::Product;

/// What the provider gave, and what the shop makes of it since this release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slip {
    pub(crate) receipt_id: String,
    pub(crate) amount: u64,
    /// 0 in what the release before has stored.
    #[serde(default)]
    pub(crate) fee: u64,
}

/// Never 0, so that it shows which release has kept a result.
pub(crate) const fn fee(amount: u64) -> u64 {
    amount / 100 + 1
}

impl From<Receipt> for Slip {
    fn from(Receipt { receipt_id, amount }: Receipt) -> Self {
        Self { receipt_id, amount, fee: fee(amount) }
    }
}

kind!(field_added "CHAOS.NEW" "FIELD_ADDED" -> Receipt, { #[serde(default)] note: String, }
    max_attempts = 15);
kind!(option_added "CHAOS.NEW" "OPTION_ADDED" -> Receipt, { coupon: Option<String>, }
    max_attempts = 15);
kind!(hook_added "CHAOS.NEW" "HOOK_ADDED" -> Receipt, {}
    max_attempts = 15, finalize = book_postgres);
kind!(hook_added_embedded "CHAOS.NEW.EMBEDDED" "HOOK_ADDED" -> Receipt, {}
    max_attempts = 15, finalize = book_sqlite);
kind!(reconcile_added "CHAOS.NEW" "RECONCILE_ADDED" -> Receipt, {}
    max_attempts = 15, reconcile = what_happened,
    reconcile_backoff(base = "100ms", cap = "1s"));
kind!(output_changed "CHAOS.NEW" "OUTPUT_CHANGED" -> Slip, {}
    max_attempts = 15, finalize = book_slip_postgres);
kind!(output_changed_embedded "CHAOS.NEW.EMBEDDED" "OUTPUT_CHANGED" -> Slip, {}
    max_attempts = 15, finalize = book_slip_sqlite);
kind!(attempts_changed "CHAOS.NEW" "ATTEMPTS_CHANGED" -> Receipt, {} max_attempts = 15);
kind!(identity_changed "CHAOS.NEW" "IDENTITY_CHANGED" -> Receipt, {}
    by(biz_key = "SHOP-1/{order_id}", identity = 2, earlier = "ORDER-{order_id}")
    max_attempts = 15);

async fn what_happened(
    cmd: reconcile_added::Ordered,
    ctx: Context,
    desk: State<Desk>,
) -> Result<Reconciled<Receipt>, CallError> {
    match desk.ask(cmd.into(), &ctx).await? {
        Answer::Done(receipt) => Ok(Reconciled::Happened(receipt)),
        Answer::NotHappened => Ok(Reconciled::NotHappened),
        _ => Ok(Reconciled::Unanswered),
    }
}

/// Sends it as the new release knows it.
pub(super) async fn accept(asked: Asked<'_>) -> Result<OpId, AcceptError> {
    let Asked { order, amount, .. } = asked;
    let order_id = order.number;
    match order.product {
        Product::FieldAdded => {
            let note = if order.says_more { "gift".to_owned() } else { String::new() };
            asked.send(field_added::Request { order_id, amount, note }).await
        }
        Product::OptionAdded => {
            let coupon = order.says_more.then(|| "SPRING".to_owned());
            asked.send(option_added::Request { order_id, amount, coupon }).await
        }
        Product::HookAdded => asked.send(hook_added::Request { order_id, amount }).await,
        Product::ReconcileAdded => asked.send(reconcile_added::Request { order_id, amount }).await,
        Product::OutputChanged => asked.send(output_changed::Request { order_id, amount }).await,
        Product::IdentityChanged => {
            asked.send(identity_changed::Request { order_id, amount }).await
        }
        _ => asked.send(attempts_changed::Request { order_id, amount }).await,
    }
}
