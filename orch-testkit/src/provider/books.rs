use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use super::promises::{End, Promises};
use super::{ProviderCall, Reply, Step};

/// All that a scripted provider knows.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) promises: Promises,
    pub(super) script: VecDeque<Step>,
    pub(super) calls: Vec<ProviderCall>,
    /// The key of each charge; its place, from 1, is the receipt.
    pub(super) charges: Vec<String>,
    /// How much the clock moves between two calls.
    pub(super) between: Duration,
    now: Duration,
    asked: bool,
    /// What it remembers of each key.
    keys: HashMap<String, Known>,
    /// The calls that it was or is at work on for some time.
    work: Vec<Work>,
    /// The keys of what was declined.
    declined: HashSet<String>,
}

#[derive(Debug)]
struct Known {
    payload: Vec<u8>,
    first_used: Duration,
    answer: Reply,
}

#[derive(Debug)]
struct Work {
    key: String,
    payload: Vec<u8>,
    began: Duration,
    ends: Duration,
    done: Option<Reply>,
}

/// How a call goes on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goes {
    /// To this answer.
    Answered(Reply),
    /// To none.
    Unanswered,
    /// To the end of the work with this number.
    AtWork(usize),
}

impl Books {
    pub(super) fn new(promises: Promises) -> Self {
        Self {
            promises,
            script: VecDeque::new(),
            calls: Vec::new(),
            charges: Vec::new(),
            between: Duration::ZERO,
            now: Duration::ZERO,
            asked: false,
            keys: HashMap::new(),
            work: Vec::new(),
            declined: HashSet::new(),
        }
    }

    /// Does the next step.
    pub(super) fn take(&mut self, key: &str, payload: &[u8]) -> Goes {
        self.arrive();
        let step = self.script.pop_front().unwrap_or(Step::Charge);
        self.calls.push(ProviderCall { key: key.to_owned(), payload: payload.to_owned(), step });
        match step {
            Step::Unavailable => Goes::Answered(Reply::Unavailable),
            Step::RateLimited(after) => Goes::Answered(Reply::RateLimited { after }),
            Step::Refuse => Goes::Answered(Reply::Refused),
            Step::NeverAnswer => Goes::Unanswered,
            Step::SayDone => Goes::Answered(Reply::AlreadyDone),
            Step::SayOtherBody => Goes::Answered(Reply::KeyReused),
            Step::Error(status) => {
                let said = Reply::Error { status };
                if self.remembered(key, payload).is_none() {
                    self.keep(key, payload, End::Failed, said, None);
                }
                Goes::Answered(said)
            }
            Step::ForgetAndCharge => {
                self.keys.remove(key);
                self.act(key, payload, Step::Charge)
            }
            _ => match self.remembered(key, payload) {
                Some(_) if step == Step::ChargeAndNeverAnswer => Goes::Unanswered,
                Some(reply) => Goes::Answered(reply),
                None => self.act(key, payload, step),
            },
        }
    }

    /// Makes a new call.
    fn act(&mut self, key: &str, payload: &[u8], step: Step) -> Goes {
        if step == Step::Decline {
            self.declined.insert(key.to_owned());
            self.keep(key, payload, End::Declined, Reply::Declined, None);
            return Goes::Answered(Reply::Declined);
        }
        if let Step::ChargeSlowly(span) = step {
            let (key, payload) = (key.to_owned(), payload.to_owned());
            let (began, ends) = (self.now, self.now.saturating_add(span));
            self.work.push(Work { key, payload, began, ends, done: None });
            self.finish_work();
            return Goes::AtWork(self.work.len() - 1);
        }
        let charged = self.charge(key);
        let (end, said) = match step {
            Step::ChargeAndError(status) => (End::ActedUnsaid, Reply::Error { status }),
            // It is what a repeated call hears as well.
            Step::ChargeAndSayDone => (End::ActedUnsaid, Reply::AlreadyDone),
            Step::ChargeAndNeverAnswer => (End::ActedUnsaid, charged),
            _ => (End::Acted, charged),
        };
        let again = if step == Step::ChargeAndSayDone { said } else { charged };
        self.keep(key, payload, end, said, Some(again));
        match step {
            Step::ChargeAndNeverAnswer => Goes::Unanswered,
            _ => Goes::Answered(said),
        }
    }

    fn charge(&mut self, key: &str) -> Reply {
        self.charges.push(key.to_owned());
        Reply::Charged { receipt: self.charges.len() as u64 }
    }

    fn keep(&mut self, key: &str, payload: &[u8], end: End, said: Reply, charged: Option<Reply>) {
        if let Some(answer) = self.promises.keeps(end, said, charged) {
            let known = Known { payload: payload.to_owned(), first_used: self.now, answer };
            self.keys.insert(key.to_owned(), known);
        }
    }

    /// What a call with this key gets that is not the first one.
    fn remembered(&mut self, key: &str, payload: &[u8]) -> Option<Reply> {
        if let Some(work) = self.work.iter().find(|work| work.done.is_none() && work.key == key)
            && let Some(reply) = self.promises.at_work()
        {
            return Some(self.unless_reused(reply, &work.payload, payload));
        }
        let known = self.keys.get(key)?;
        let forgotten = self
            .promises
            .lifetime
            .is_some_and(|lifetime| self.now.saturating_sub(known.first_used) >= lifetime);
        if forgotten {
            self.keys.remove(key);
            return None;
        }
        Some(self.unless_reused(known.answer, &known.payload, payload))
    }

    fn unless_reused(&self, reply: Reply, first: &[u8], payload: &[u8]) -> Reply {
        let compares = self.promises.compares_bodies && reply != Reply::AlreadyDone;
        if compares && first != payload { Reply::KeyReused } else { reply }
    }

    /// The clock moves between two calls, questions of a reconcile among them.
    fn arrive(&mut self) {
        if std::mem::replace(&mut self.asked, true) {
            self.advance(self.between);
        }
    }

    pub(super) fn advance(&mut self, span: Duration) {
        self.now = self.now.saturating_add(span);
        self.finish_work();
    }

    /// Charges for the work whose time is over.
    fn finish_work(&mut self) {
        for number in 0..self.work.len() {
            let work = &self.work[number];
            if work.done.is_some() || work.ends > self.now {
                continue;
            }
            let (key, payload, first_used) = (work.key.clone(), work.payload.clone(), work.began);
            let charged = self.charge(&key);
            self.work[number].done = Some(charged);
            if let Some(answer) = self.promises.keeps(End::Acted, charged, Some(charged)) {
                self.keys.insert(key, Known { payload, first_used, answer });
            }
        }
    }

    /// The answer to the work with this number, once that has ended.
    pub(super) fn worked(&self, number: usize) -> Option<Reply> {
        self.work[number].done
    }

    /// What a question about the key is answered.
    pub(super) fn happened(&mut self, key: &str) -> Option<Reply> {
        self.arrive();
        if let Some(last) = self.charges.iter().rposition(|charged| charged == key) {
            return Some(Reply::Charged { receipt: last as u64 + 1 });
        }
        if self.work.iter().any(|work| work.done.is_none() && work.key == key) {
            return Some(Reply::StillRunning);
        }
        self.declined.contains(key).then_some(Reply::Declined)
    }
}
