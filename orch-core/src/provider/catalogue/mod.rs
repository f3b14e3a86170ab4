//! The ready contracts, by provider.
//!
//! Each holds what the provider has published, with the page and the date on which it was read. Where the
//! page says nothing, the contract holds the more careful of two readings; where one answer has two
//! meanings, no word is made of it. A provider may change its page, and your own agreement with it comes
//! first: write it as your own contract.

use std::time::Duration;

use super::{KeyAlphabet, Terms};

mod adyen;
mod amazon_pay;
mod aws;
mod bvnk;
mod checkout_com;
mod circle;
mod fireblocks;
mod flutterwave;
mod gmo_pg;
mod gocardless;
mod increase;
mod line;
mod lithic;
mod mangopay;
mod mercado_pago;
mod messages;
mod nicepay;
mod pagarme;
mod paypal;
mod plaid;
mod portone;
mod ppro;
mod qonto;
mod razorpayx;
mod square;
mod stripe;
mod toss;
mod whop;
mod wise;
mod zendesk;

pub use adyen::Adyen;
pub use amazon_pay::AmazonPay;
pub use aws::{AwsFifo, AwsSes};
pub use bvnk::{BvnkV1, BvnkV2};
pub use checkout_com::CheckoutCom;
pub use circle::Circle;
pub use fireblocks::{Fireblocks, FireblocksTransaction};
pub use flutterwave::Flutterwave;
pub use gmo_pg::GmoPg;
pub use gocardless::GoCardless;
pub use increase::Increase;
pub use line::{LineMessaging, LinePay};
pub use lithic::Lithic;
pub use mangopay::Mangopay;
pub use mercado_pago::MercadoPago;
pub use messages::{SendGrid, Slack, Twilio};
pub use nicepay::NicePay;
pub use pagarme::PagarMe;
pub use paypal::{PayPalOrders, PayPalPayments, PayPalPayouts, PayPalSubscriptions, PayPalVault};
pub use plaid::{PlaidConsentPayment, PlaidTransfer, PlaidWallet};
pub use portone::{PortOneV1, PortOneV2, PortOneV2Confirm};
pub use ppro::Ppro;
pub use qonto::Qonto;
pub use razorpayx::RazorpayX;
pub use square::Square;
pub use stripe::{Stripe, StripeV2};
pub use toss::{Toss, TossConfirm};
pub use whop::Whop;
pub use wise::Wise;
pub use zendesk::Zendesk;

/// The terms of each ready contract, by the name of its type.
pub const ALL: &[Terms] = &[
    Terms::of::<Adyen>(),
    Terms::of::<AmazonPay>(),
    Terms::of::<AwsFifo>(),
    Terms::of::<AwsSes>(),
    Terms::of::<BvnkV1>(),
    Terms::of::<BvnkV2>(),
    Terms::of::<CheckoutCom>(),
    Terms::of::<Circle>(),
    Terms::of::<Fireblocks>(),
    Terms::of::<FireblocksTransaction>(),
    Terms::of::<Flutterwave>(),
    Terms::of::<GmoPg>(),
    Terms::of::<GoCardless>(),
    Terms::of::<Increase>(),
    Terms::of::<LineMessaging>(),
    Terms::of::<LinePay>(),
    Terms::of::<Lithic>(),
    Terms::of::<Mangopay>(),
    Terms::of::<MercadoPago>(),
    Terms::of::<NicePay>(),
    Terms::of::<PagarMe>(),
    Terms::of::<PayPalOrders>(),
    Terms::of::<PayPalPayments>(),
    Terms::of::<PayPalPayouts>(),
    Terms::of::<PayPalSubscriptions>(),
    Terms::of::<PayPalVault>(),
    Terms::of::<PlaidConsentPayment>(),
    Terms::of::<PlaidTransfer>(),
    Terms::of::<PlaidWallet>(),
    Terms::of::<PortOneV1>(),
    Terms::of::<PortOneV2>(),
    Terms::of::<PortOneV2Confirm>(),
    Terms::of::<Ppro>(),
    Terms::of::<Qonto>(),
    Terms::of::<RazorpayX>(),
    Terms::of::<SendGrid>(),
    Terms::of::<Slack>(),
    Terms::of::<Square>(),
    Terms::of::<Stripe>(),
    Terms::of::<StripeV2>(),
    Terms::of::<Toss>(),
    Terms::of::<TossConfirm>(),
    Terms::of::<Twilio>(),
    Terms::of::<Whop>(),
    Terms::of::<Wise>(),
    Terms::of::<Zendesk>(),
];

/// The ready contracts that were read a year before `today` or earlier, so that it is time for
/// another look at their pages. `today` is year, month and day.
///
/// ```
/// use orch::providers::due;
///
/// assert_eq!(due((2026, 12, 1)).count(), 0);
/// ```
pub fn due(today: (u16, u8, u8)) -> impl Iterator<Item = &'static Terms> {
    ALL.iter().filter(move |terms| terms.published().is_some_and(|it| it.is_due(today)))
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Letters, digits and the hyphen.
const HYPHENS: KeyAlphabet =
    KeyAlphabet::of("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
/// The same with the underscore.
const HYPHENS_AND_UNDERSCORES: KeyAlphabet =
    KeyAlphabet::of("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");

#[cfg(test)]
mod tests;
