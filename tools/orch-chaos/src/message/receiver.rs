//! The application's endpoint for webhooks: a process that is killed as the others are. It answers the provider
//! with success once a message is recorded; a message that was not answered comes again.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orch::{
    HandledCommand, MessageAbout, Orchestrator, Reconciled, RecordError, Recorded, Runtime,
};
use orch_lab::ledger::{self, Receipt};
use orch_lab::plan::now_us;
use orch_lab::store::Backend;
use tokio::sync::Semaphore;

use super::{About, Message, Noted, REFUSED, Says, ours, theirs};
use crate::contracts::{
    acts, acts_failed, keeps_effects, keeps_everything, keeps_successes, refuses, refuses_parked,
    successes_parked,
};
use crate::handlers::{Capture, CaptureEmbedded, Charge, Transfer};
use crate::order::Product;
use crate::world::World;

/// Messages that are recorded at once.
const AT_ONCE: usize = 8;
/// Before a message is recorded again that the store could not take.
const AGAIN: Duration = Duration::from_millis(50);
/// How often the outbox is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Delivers its share of the messages when they are due, until it is killed.
pub(crate) async fn run(world: &World, number: u32) -> crate::Result<()> {
    let notes = world.noted(number);
    let noted: HashSet<u64> = match ledger::read::<Noted>(&notes) {
        Ok(noted) => noted.into_iter().map(|noted| noted.id).collect(),
        Err(_) => HashSet::new(),
    };
    let mut file = OpenOptions::new().create(true).append(true).open(&notes)?;
    // Begins a new line, in case the last receiver died within one.
    file.write_all(b"\n")?;
    let runtime = Runtime::connect(&world.url).without_worker().start().await?;
    let receiver = Arc::new(Receiver {
        world: world.clone(),
        orchestrator: runtime.orchestrator().clone(),
        notes: Mutex::new(file),
    });
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut outbox = BufReader::new(File::open(world.messages())?);
    let (mut line, mut waiting) = (String::new(), Vec::new());
    loop {
        while outbox.read_line(&mut line)? > 0 && line.ends_with('\n') {
            let message: Message = serde_json::from_str(&line)?;
            if message.to == number && !noted.contains(&message.id) {
                waiting.push(message);
            }
            line.clear();
        }
        let now = now_us();
        for message in waiting.extract_if(.., |message| message.due_at <= now) {
            let (receiver, permit) =
                (Arc::clone(&receiver), Arc::clone(&room).acquire_owned().await?);
            tokio::spawn(async move {
                let received = receiver.receive(&message).await;
                drop(permit);
                if let Err(error) = received {
                    eprintln!("receiver: message {}: {error}", message.id);
                    std::process::exit(5);
                }
            });
        }
        tokio::time::sleep(LOOK).await;
    }
}

struct Receiver {
    world: World,
    orchestrator: Orchestrator,
    notes: Mutex<File>,
}

impl Receiver {
    async fn receive(&self, message: &Message) -> crate::Result<()> {
        let told = loop {
            match self.record(message).await? {
                Ok(recorded) => break told(recorded).to_owned(),
                Err(RecordError::Store(_)) => tokio::time::sleep(AGAIN).await,
                Err(error) => break error.to_string(),
            }
        };
        let line = serde_json::to_string(&Noted { id: message.id, at: now_us(), told })? + "\n";
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(notes.write_all(line.as_bytes())?)
    }

    async fn record(&self, message: &Message) -> crate::Result<Result<Recorded, RecordError>> {
        let product = self.world.orders.of(message.order_id).product;
        match product {
            Product::Charge => self.record_for::<Charge>(message).await,
            Product::Capture if self.world.backend == Backend::Sqlite => {
                self.record_for::<CaptureEmbedded>(message).await
            }
            Product::Capture => self.record_for::<Capture>(message).await,
            Product::Transfer => self.record_for::<Transfer>(message).await,
            Product::KeepsEverything => self.record_for::<keeps_everything::Ordered>(message).await,
            Product::KeepsEffects => self.record_for::<keeps_effects::Ordered>(message).await,
            Product::KeepsSuccesses => self.record_for::<keeps_successes::Ordered>(message).await,
            Product::SuccessesParked => self.record_for::<successes_parked::Ordered>(message).await,
            Product::Refuses => self.record_for::<refuses::Ordered>(message).await,
            Product::RefusesParked => self.record_for::<refuses_parked::Ordered>(message).await,
            Product::Acts => self.record_for::<acts::Ordered>(message).await,
            Product::ActsFailed => self.record_for::<acts_failed::Ordered>(message).await,
            other => Err(format!("nobody is told of {other:?}").into()),
        }
    }

    async fn record_for<C: HandledCommand<Output = Receipt>>(
        &self,
        message: &Message,
    ) -> crate::Result<Result<Recorded, RecordError>> {
        let about: MessageAbout = match (message.about, &message.says) {
            (About::Ours, _) => ours(message.order_id)?.into(),
            (About::Theirs, Says::Happened { receipt }) => theirs(receipt)?.into(),
            (About::Operation | About::Theirs, _) => message.op_id.parse::<orch::OpId>()?.into(),
        };
        let answer = match &message.says {
            Says::Happened { receipt } => Reconciled::Happened(receipt.clone()),
            Says::Refused => Reconciled::Refused {
                code: REFUSED.to_owned(),
                message: "the provider told so later".to_owned(),
            },
            Says::NotHappened => Reconciled::NotHappened,
        };
        let source = format!("webhook {}", message.id);
        Ok(self.orchestrator.record_answer::<C>(about, answer, &source).await)
    }
}

const fn told(recorded: Recorded) -> &'static str {
    match recorded {
        Recorded::Applied => "applied",
        Recorded::Late => "late",
        Recorded::Kept => "kept",
        Recorded::Known => "known",
        _ => "something else",
    }
}
