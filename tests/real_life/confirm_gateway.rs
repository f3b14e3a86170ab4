//! A payment provider in memory: Toss Payments and LINE Pay, as far as the confirm flow needs them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use orch_testkit::ProviderBooks;
use serde_json::{Value, json};

/// What becomes of the next confirm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It never arrives.
    IsLost,
    /// It is done, and its answer is lost.
    LosesItsAnswer,
    /// Another server confirms the same payment a moment before.
    ComesSecond,
    /// The provider is at work on it, and says so.
    FindsItBusy,
}

/// No answer came back.
#[derive(Debug, thiserror::Error)]
#[error("no answer")]
pub(crate) struct Lost;

/// An answer: its status, the provider's code if it is no success, and the body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    pub(crate) body: Value,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Gateway(Arc<Mutex<Books>>);

#[derive(Debug, Default)]
struct Books {
    /// The amount that was paid, by order.
    paid: HashMap<String, u64>,
    script: VecDeque<Next>,
    /// How many confirms have arrived.
    confirms: usize,
    /// How often money has moved.
    charges: usize,
}

impl Gateway {
    pub(crate) fn where_the_next(script: impl IntoIterator<Item = Next>) -> Self {
        let gateway = Self::default();
        gateway.0.lock().unwrap().script = script.into_iter().collect();
        gateway
    }

    /// Somebody has paid this amount for the order, in another way.
    pub(crate) fn has_been_paid(&self, order: &str, amount: u64) {
        self.0.lock().unwrap().paid.insert(order.to_owned(), amount);
    }

    /// How often money has moved, and how many confirms have arrived.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let books = self.0.lock().unwrap();
        (books.charges, books.confirms)
    }

    /// The same client, which sends this header as well.
    pub(crate) fn with<Header>(&self, _header: Header) -> &Self {
        self
    }

    /// What a client of HTTP does: POST.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer, Lost> {
        let answer = self.answer(path, body);
        // A process may die here: the provider has acted, and its answer is on its way.
        tokio::task::yield_now().await;
        answer
    }

    fn answer(&self, path: &str, body: &Value) -> Result<Answer, Lost> {
        let line = path.starts_with("/v3/");
        let mut books = self.0.lock().unwrap();
        let next = books.script.pop_front();
        if next == Some(Next::IsLost) {
            return Err(Lost);
        }
        // LINE Pay names the transaction in the path, and knows the order from its first step.
        let payment = match line {
            true => path.split('/').nth(3).unwrap().to_owned(),
            false => body["paymentKey"].as_str().unwrap().to_owned(),
        };
        let order = payment.replacen("T-", "O-", 1);
        books.confirms += 1;
        let amount = body["amount"].as_u64().unwrap();
        if next == Some(Next::FindsItBusy) {
            return Ok(refused(line, 409, "IDEMPOTENT_REQUEST_PROCESSING", "1198"));
        }
        let second = next == Some(Next::ComesSecond);
        if second || !books.paid.contains_key(&order) {
            books.charges += 1;
            books.paid.insert(order.clone(), amount);
            if !second {
                let body = payment_of(&order, amount);
                let answer = Answer { status: 200, code: None, body };
                return if next == Some(Next::LosesItsAnswer) { Err(Lost) } else { Ok(answer) };
            }
        }
        Ok(refused(line, 400, "ALREADY_PROCESSED_PAYMENT", "1172"))
    }

    /// GET: the payment of an order, if there is one.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Lost> {
        let order = path.rsplit(['/', '=']).next().unwrap();
        let books = self.0.lock().unwrap();
        let paid = books.paid.get(order).map(|amount| payment_of(order, *amount));
        let authorised = json!({ "status": "IN_PROGRESS", "returnCode": "1150" });
        Ok(paid.unwrap_or(authorised))
    }
}

impl ProviderBooks for Gateway {
    /// The reference is in the command, and not a key.
    fn keys(&self) -> Vec<String> {
        vec![String::new(); self.counts().1]
    }

    fn effects(&self) -> usize {
        self.0.lock().unwrap().charges
    }
}

/// In the words of both providers.
fn payment_of(order: &str, amount: u64) -> Value {
    json!({
        "orderId": order,
        "status": "DONE",
        "totalAmount": amount,
        "returnCode": "0000",
        "info": [{ "orderId": order, "payInfo": [{ "amount": amount }] }],
    })
}

fn refused(line: bool, status: u16, toss: &str, code: &str) -> Answer {
    let (status, code) = if line { (200, code) } else { (status, toss) };
    Answer { status, code: Some(code.to_owned()), body: Value::Null }
}
