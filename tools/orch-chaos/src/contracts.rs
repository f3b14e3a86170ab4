//! A provider of each kind of `Repeat`, and what an application writes that names its contract.
//!
//! | kind | a repeated call … | in doubt |
//! |---|---|---|
//! | `KEEPS_EVERYTHING` | gets the first answer, *busy* too; so the attempt after that has a new key | called again |
//! | `KEEPS_EFFECTS` | gets what has acted, else acts | called again |
//! | `KEEPS_SUCCESSES` | gets a success; behind an answer that was lost it acts again | the provider is asked |
//! | `SUCCESSES_PARKED` | the same | what the contract carries: parked |
//! | `REFUSES` | is refused as a duplicate, whether or not the first one has acted | the provider is asked |
//! | `REFUSES_PARKED` | the same | parked |
//! | `ACTS` | acts again | the provider is asked |
//! | `ACTS_FAILED` | acts again | failed, uncertain |
//!
//! Where keys mean something, a call that meets another one at work is told so. The reference of the two that
//! refuse is in the command.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};
use orch::http::HttpOutcome;
use orch::{Context, Keeps, KeyLifetime, KeyPlace, Provider, Reconciled, Repeat, Says, Word};
use orch_lab::ledger::{Answer, Body, Receipt};
use orch_lab::provider::Repeats;

use crate::handlers::{CallError, Caller, Desk, reconciled};
use crate::order::Product;

mod kind;

use kind::kind;

/// Attempts of the handlers below.
pub(crate) const MAX_ATTEMPTS: u32 = 8;

/// The provider's own codes.
const DECLINED: &str = "DECLINED";
const IN_FLIGHT: &str = "IN_FLIGHT";
const DUPLICATE: &str = "DUPLICATE";

const WORDS: &[Word] =
    &[Word::of(402, DECLINED, Says::Refused), Word::of(409, IN_FLIGHT, Says::StillRunning)];

/// One contract: what it does with a repeated call, and its words.
macro_rules! contract {
    ($Name:ident, $repeat:expr, $words:expr $(, $place:expr)?) => {
        #[derive(Debug)]
        pub(crate) enum $Name {}

        impl Provider for $Name {
            const NAME: &'static str = stringify!($Name);
            const REPEAT: Repeat = $repeat;
            const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(Duration::from_secs(3_600));
            $(const KEY_PLACE: KeyPlace = $place;)?
            const WORDS: &'static [Word] = $words;
        }
    };
}

contract!(KeepsEverything, Repeat::Answers(Keeps::Everything), WORDS);
contract!(KeepsEffects, Repeat::Answers(Keeps::Effects), WORDS);
contract!(KeepsSuccesses, Repeat::Answers(Keeps::Successes), WORDS);
contract!(
    Refuses,
    Repeat::Refuses,
    &[WORDS[0], WORDS[1], Word::of(409, DUPLICATE, Says::Done)],
    KeyPlace::Command
);
contract!(Acts, Repeat::Acts, &[WORDS[0]]);

kind!(keeps_everything: KeepsEverything, "KEEPS_EVERYTHING");
kind!(keeps_effects: KeepsEffects, "KEEPS_EFFECTS");
kind!(keeps_successes: KeepsSuccesses, "KEEPS_SUCCESSES", asks);
kind!(successes_parked: KeepsSuccesses, "SUCCESSES_PARKED");
kind!(refuses: Refuses, "REFUSES", asks);
kind!(refuses_parked: Refuses, "REFUSES_PARKED");
kind!(acts: Acts, "ACTS", asks, effect = "unsafe");
kind!(acts_failed: Acts, "ACTS_FAILED", effect = "unsafe", in_doubt = "fail");

impl Product {
    /// All whose handler names a contract.
    pub(crate) const CONTRACTS: [Self; 8] = [
        Self::KeepsEverything,
        Self::KeepsEffects,
        Self::KeepsSuccesses,
        Self::SuccessesParked,
        Self::Refuses,
        Self::RefusesParked,
        Self::Acts,
        Self::ActsFailed,
    ];

    /// True if its handler names one.
    pub(crate) fn has_contract(self) -> bool {
        Self::CONTRACTS.contains(&self)
    }

    /// What its provider does with a repeated call.
    pub(crate) const fn repeats(self) -> Repeats {
        match self {
            Self::KeepsEverything => Repeats::Everything,
            Self::KeepsEffects => Repeats::Effects,
            Self::KeepsSuccesses | Self::SuccessesParked => Repeats::Successes,
            Self::Refuses | Self::RefusesParked => Repeats::Refused,
            // Payouts have no keys either, and their handler does not say so.
            Self::Acts | Self::ActsFailed | Self::Payout => Repeats::Acts,
            _ => Repeats::Finals,
        }
    }

    /// Whether its handler names a contract and asks about doubt.
    pub(crate) const fn asks(self) -> bool {
        matches!(self, Self::KeepsSuccesses | Self::Refuses | Self::Acts)
    }
}

impl Desk {
    /// A call whose answer is read by the contract.
    async fn order<P: Provider>(&self, body: Body, ctx: &Context<P>) -> Result<Receipt, CallError> {
        let answer = self.told(body, caller(body, ctx)).await?;
        let (status, code) = spelled(&answer);
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("0"));
        HttpOutcome::check_of::<P>(status, &headers, code)?;
        match answer {
            Answer::Done(receipt) => Ok(receipt),
            other => Err(CallError::NoAnswer(format!("{other:?}"))),
        }
    }

    async fn find<P: Provider>(
        &self,
        body: Body,
        ctx: &Context<P>,
    ) -> Result<Reconciled<Receipt>, CallError> {
        let answer = self.exchange(true, body, caller(body, ctx)).await?;
        Ok(match answer {
            Answer::Declined => {
                Reconciled::Refused { code: DECLINED.to_owned(), message: "declined".to_owned() }
            }
            answer => reconciled(answer),
        })
    }
}

fn caller<P: Provider>(body: Body, ctx: &Context<P>) -> Caller {
    let caller = Caller::by(ctx);
    match P::KEY_PLACE {
        KeyPlace::Command => Caller { key: format!("REFERENCE-{}", body.order_id), ..caller },
        _ => caller,
    }
}

/// An answer as the provider spells it.
const fn spelled(answer: &Answer) -> (StatusCode, Option<&'static str>) {
    match answer {
        Answer::Done(_) => (StatusCode::OK, None),
        Answer::Declined => (StatusCode::PAYMENT_REQUIRED, Some(DECLINED)),
        Answer::Refused => (StatusCode::CONFLICT, Some(IN_FLIGHT)),
        Answer::Duplicate => (StatusCode::CONFLICT, Some(DUPLICATE)),
        Answer::Limited => (StatusCode::TOO_MANY_REQUESTS, None),
        Answer::Busy | Answer::NotHappened | Answer::Unanswered => {
            (StatusCode::SERVICE_UNAVAILABLE, None)
        }
    }
}
