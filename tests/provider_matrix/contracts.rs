//! The contracts, and a pair of handlers for each.

use orch::providers::*;
use orch::{AnyProvider, Unkeyed};

use crate::handlers::{Row, rows};
use crate::own::*;

rows! {
    any_provider: AnyProvider, "ANY_PROVIDER", "ANY_PROVIDER_ASKED";
    unkeyed: Unkeyed, "UNKEYED", "UNKEYED_ASKED", effect = "unsafe" => in_doubt = "park";
    // Of no provider.
    bank: Bank, "BANK", "BANK_ASKED";
    doubtful_bank: DoubtfulBank, "DOUBTFUL_BANK", "DOUBTFUL_BANK_ASKED";
    register: Register, "REGISTER", "REGISTER_ASKED";
    silent_register: SilentRegister, "SILENT_REGISTER", "SILENT_REGISTER_ASKED";
    checkout_page: CheckoutPage, "CHECKOUT_PAGE", "CHECKOUT_PAGE_ASKED";
    biller: Biller, "BILLER", "BILLER_ASKED";
    // The ready ones.
    adyen: Adyen, "ADYEN", "ADYEN_ASKED";
    amazon_pay: AmazonPay, "AMAZON_PAY", "AMAZON_PAY_ASKED";
    aws_fifo: AwsFifo, "AWS_FIFO", "AWS_FIFO_ASKED", time_budget = "2m";
    aws_ses: AwsSes, "AWS_SES", "AWS_SES_ASKED", effect = "unsafe" => in_doubt = "park";
    bvnk_v1: BvnkV1, "BVNK_V1", "BVNK_V1_ASKED";
    bvnk_v2: BvnkV2, "BVNK_V2", "BVNK_V2_ASKED";
    checkout_com: CheckoutCom, "CHECKOUT_COM", "CHECKOUT_COM_ASKED";
    circle: Circle, "CIRCLE", "CIRCLE_ASKED";
    fireblocks: Fireblocks, "FIREBLOCKS", "FIREBLOCKS_ASKED";
    fireblocks_transaction: FireblocksTransaction, "FIREBLOCKS_TRANSACTION", "FIREBLOCKS_TRANSACTION_ASKED";
    flutterwave: Flutterwave, "FLUTTERWAVE", "FLUTTERWAVE_ASKED";
    gmo_pg: GmoPg, "GMO_PG", "GMO_PG_ASKED";
    go_cardless: GoCardless, "GO_CARDLESS", "GO_CARDLESS_ASKED";
    increase: Increase, "INCREASE", "INCREASE_ASKED";
    line_messaging: LineMessaging, "LINE_MESSAGING", "LINE_MESSAGING_ASKED";
    line_pay: LinePay, "LINE_PAY", "LINE_PAY_ASKED";
    lithic: Lithic, "LITHIC", "LITHIC_ASKED";
    mangopay: Mangopay, "MANGOPAY", "MANGOPAY_ASKED";
    mercado_pago: MercadoPago, "MERCADO_PAGO", "MERCADO_PAGO_ASKED";
    nice_pay: NicePay, "NICE_PAY", "NICE_PAY_ASKED";
    pagar_me: PagarMe, "PAGAR_ME", "PAGAR_ME_ASKED";
    pay_pal_orders: PayPalOrders, "PAY_PAL_ORDERS", "PAY_PAL_ORDERS_ASKED";
    pay_pal_payments: PayPalPayments, "PAY_PAL_PAYMENTS", "PAY_PAL_PAYMENTS_ASKED";
    pay_pal_payouts: PayPalPayouts, "PAY_PAL_PAYOUTS", "PAY_PAL_PAYOUTS_ASKED";
    pay_pal_subscriptions: PayPalSubscriptions, "PAY_PAL_SUBSCRIPTIONS", "PAY_PAL_SUBSCRIPTIONS_ASKED";
    pay_pal_vault: PayPalVault, "PAY_PAL_VAULT", "PAY_PAL_VAULT_ASKED";
    plaid_consent_payment: PlaidConsentPayment, "PLAID_CONSENT_PAYMENT", "PLAID_CONSENT_PAYMENT_ASKED";
    plaid_transfer: PlaidTransfer, "PLAID_TRANSFER", "PLAID_TRANSFER_ASKED";
    plaid_wallet: PlaidWallet, "PLAID_WALLET", "PLAID_WALLET_ASKED";
    port_one_v1: PortOneV1, "PORT_ONE_V1", "PORT_ONE_V1_ASKED";
    port_one_v2: PortOneV2, "PORT_ONE_V2", "PORT_ONE_V2_ASKED";
    port_one_v2_confirm: PortOneV2Confirm, "PORT_ONE_V2_CONFIRM", "PORT_ONE_V2_CONFIRM_ASKED";
    ppro: Ppro, "PPRO", "PPRO_ASKED";
    qonto: Qonto, "QONTO", "QONTO_ASKED";
    razorpay_x: RazorpayX, "RAZORPAY_X", "RAZORPAY_X_ASKED";
    send_grid: SendGrid, "SEND_GRID", "SEND_GRID_ASKED", effect = "unsafe" => in_doubt = "park";
    slack: Slack, "SLACK", "SLACK_ASKED", effect = "unsafe" => in_doubt = "park";
    square: Square, "SQUARE", "SQUARE_ASKED";
    stripe: Stripe, "STRIPE", "STRIPE_ASKED";
    stripe_v2: StripeV2, "STRIPE_V2", "STRIPE_V2_ASKED";
    toss: Toss, "TOSS", "TOSS_ASKED";
    toss_confirm: TossConfirm, "TOSS_CONFIRM", "TOSS_CONFIRM_ASKED";
    twilio: Twilio, "TWILIO", "TWILIO_ASKED", effect = "unsafe" => in_doubt = "park";
    whop: Whop, "WHOP", "WHOP_ASKED";
    wise: Wise, "WISE", "WISE_ASKED";
    zendesk: Zendesk, "ZENDESK", "ZENDESK_ASKED";
}

#[test]
fn every_ready_contract_is_in_the_matrix() {
    let names: Vec<_> = ROWS.iter().map(|row| row.type_name).collect();
    for terms in ALL {
        assert!(names.contains(&terms.type_name()), "add a line for {}", terms.type_name());
    }
    assert_eq!(ROWS.len(), ALL.len() + 8);
}
