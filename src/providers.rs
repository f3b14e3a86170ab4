//! The ready contracts: what each provider has published about idempotency keys, with the page and the
//! date on which it was read.
//!
//! `docs/book/providers.md` says of each what orch does in doubt and what you must write;
//! `docs/book/confirm-flows.md` shows the flows in which a server confirms what a browser has
//! authorised. A provider that is not here takes ten lines: [`Provider`]. Your own agreement with a
//! provider comes before its page.

pub use orch_core::provider::catalogue::{
    ALL, Adyen, AmazonPay, AwsFifo, AwsSes, BvnkV1, BvnkV2, CheckoutCom, Circle, Fireblocks,
    FireblocksTransaction, Flutterwave, GmoPg, GoCardless, Increase, LineMessaging, LinePay,
    Lithic, Mangopay, MercadoPago, NicePay, PagarMe, PayPalOrders, PayPalPayments, PayPalPayouts,
    PayPalSubscriptions, PayPalVault, PlaidConsentPayment, PlaidTransfer, PlaidWallet, PortOneV1,
    PortOneV2, PortOneV2Confirm, Ppro, Qonto, RazorpayX, SendGrid, Slack, Square, Stripe, StripeV2,
    Toss, TossConfirm, Twilio, Whop, Wise, Zendesk, due,
};
pub use orch_core::provider::{AnyProvider, Terms, Unkeyed};

#[cfg(doc)]
use crate::Provider;
