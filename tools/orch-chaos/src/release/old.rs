//! The application before the deploy.

use orch::OpId;
use orch::internals::flow::AcceptError;
use orch_lab::ledger::Receipt;

use super::Asked;
use super::kind::kind;
use crate::hooks::{book_postgres, book_sqlite};
use crate::order::Product;

/// Attempts of the kind of which the new release makes more.
pub(super) const FEW_ATTEMPTS: u32 = 2;

kind!(field_added "CHAOS.OLD" "FIELD_ADDED" -> Receipt, {} max_attempts = 15);
kind!(option_added "CHAOS.OLD" "OPTION_ADDED" -> Receipt, {} max_attempts = 15);
kind!(hook_added "CHAOS.OLD" "HOOK_ADDED" -> Receipt, {} max_attempts = 15);
kind!(reconcile_added "CHAOS.OLD" "RECONCILE_ADDED" -> Receipt, {} max_attempts = 15);
kind!(output_changed "CHAOS.OLD" "OUTPUT_CHANGED" -> Receipt, {}
    max_attempts = 15, finalize = book_postgres);
kind!(output_changed_embedded "CHAOS.OLD.EMBEDDED" "OUTPUT_CHANGED" -> Receipt, {}
    max_attempts = 15, finalize = book_sqlite);
kind!(attempts_changed "CHAOS.OLD" "ATTEMPTS_CHANGED" -> Receipt, {} max_attempts = 2);
kind!(identity_changed "CHAOS.OLD" "IDENTITY_CHANGED" -> Receipt, {} max_attempts = 15);

/// Sends it as the old release knows it.
pub(super) async fn accept(asked: Asked<'_>) -> Result<OpId, AcceptError> {
    let Asked { order, amount, .. } = asked;
    let order_id = order.number;
    match order.product {
        Product::FieldAdded => asked.send(field_added::Request { order_id, amount }).await,
        Product::OptionAdded => asked.send(option_added::Request { order_id, amount }).await,
        Product::HookAdded => asked.send(hook_added::Request { order_id, amount }).await,
        Product::ReconcileAdded => asked.send(reconcile_added::Request { order_id, amount }).await,
        Product::OutputChanged => asked.send(output_changed::Request { order_id, amount }).await,
        Product::IdentityChanged => {
            asked.send(identity_changed::Request { order_id, amount }).await
        }
        _ => asked.send(attempts_changed::Request { order_id, amount }).await,
    }
}
