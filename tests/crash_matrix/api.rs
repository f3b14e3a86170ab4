//! Somebody else's API, of each kind that a handler can declare.

use std::collections::BTreeMap;
use std::sync::Mutex;

use orch::internals::policies::Effect;
use orch_testkit::ProviderBooks;

/// What a call is answered where it does not act.
const READING: u64 = 7;

/// An API whose calls have this effect.
#[derive(Debug)]
pub struct Api {
    effect: Effect,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    keys: Vec<String>,
    /// The receipt of what was done under each key; one key for all where keys mean nothing.
    receipts: BTreeMap<String, u64>,
    effects: usize,
}

impl Api {
    pub fn new(effect: Effect) -> Self {
        Self { effect, books: Mutex::default() }
    }

    /// Acts at once, and answers later.
    pub async fn call(&self, key: &str) -> u64 {
        let receipt = self.books.lock().unwrap().act(self.effect, key);
        tokio::task::yield_now().await;
        receipt
    }

    /// What a reconcile asks: the receipt of what has been done for the one operation there is.
    pub fn happened(&self) -> Option<u64> {
        self.books.lock().unwrap().receipts.values().next_back().copied()
    }
}

impl Books {
    fn act(&mut self, effect: Effect, key: &str) -> u64 {
        self.keys.push(key.to_owned());
        let known = match effect {
            Effect::Read => return READING,
            // The same whole is put in the same place.
            Effect::Idempotent => self.receipts.get("").copied(),
            Effect::Keyed => self.receipts.get(key).copied(),
            Effect::Unsafe => None,
        };
        known.unwrap_or_else(|| {
            self.effects += 1;
            let receipt = self.effects as u64;
            let key = if effect == Effect::Keyed { key } else { "" };
            self.receipts.insert(key.to_owned(), receipt);
            receipt
        })
    }
}

impl ProviderBooks for Api {
    fn keys(&self) -> Vec<String> {
        self.books.lock().unwrap().keys.clone()
    }

    fn effects(&self) -> usize {
        self.books.lock().unwrap().effects
    }
}
