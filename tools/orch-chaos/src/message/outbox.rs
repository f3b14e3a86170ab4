//! Which messages the provider writes about a call, decided by the seed.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use orch_lab::ledger::Answer;
use orch_lab::plan::{dice, now_us};

use super::{FIRST, Message, RECEIVERS, Says};
use crate::order::Orders;
use crate::world::World;

/// The file that receivers follow. It outlives every process in the kernel's memory, as the notes of clients do.
#[derive(Debug)]
pub(crate) struct Outbox {
    orders: Orders,
    file: Mutex<File>,
    next: AtomicU64,
}

/// A call, as far as messages need it.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) order_id: u64,
    pub(crate) op_id: String,
    /// Which call about the order this is, to the outbox.
    nth: u64,
}

impl Outbox {
    pub(crate) fn open(world: &World) -> crate::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(world.messages())?;
        Ok(Self { orders: world.orders, file: Mutex::new(file), next: AtomicU64::new(1) })
    }

    /// A call has arrived: what was true before it is told now, and delivered later.
    pub(crate) fn arrives(
        &self,
        order_id: u64,
        op_id: Option<String>,
        stands: Answer,
    ) -> crate::Result<Option<About>> {
        let Some(op_id) = op_id else { return Ok(None) };
        if self.orders.about(self.orders.of(order_id)).is_none() {
            return Ok(None);
        }
        let about = About { order_id, op_id, nth: self.next.fetch_add(1, Ordering::Relaxed) };
        let mut dice = self.dice(&about, 12);
        if stands == Answer::NotHappened && dice.u32(0..100) < 35 {
            let delay = Duration::from_millis(dice.u64(0..4_000));
            self.write(&about, Says::NotHappened, delay)?;
        }
        Ok(Some(about))
    }

    /// A call was carried out, and its caller has not been answered. Says how long to wait with the answer.
    pub(crate) fn ended(&self, about: &About, stands: Answer) -> crate::Result<Duration> {
        let mut dice = self.dice(about, 13);
        let says = match stands {
            Answer::Done(receipt) => Says::Happened { receipt },
            Answer::Declined => Says::Refused,
            _ => Says::NotHappened,
        };
        let comes_first = dice.u32(0..100) < 25;
        let delay = match dice.u32(0..100) {
            _ if comes_first => 0,
            0..40 => dice.u64(0..400),
            40..80 => dice.u64(400..2_500),
            // After the end, and after most retries.
            _ => dice.u64(2_500..4_500),
        };
        self.write(about, says.clone(), Duration::from_millis(delay))?;
        if dice.u32(0..100) < 30 {
            let again = Duration::from_millis(dice.u64(0..4_000));
            self.write(about, says.clone(), again)?;
        }
        Ok(if comes_first { FIRST } else { Duration::ZERO })
    }

    fn write(&self, call: &About, says: Says, delay: Duration) -> crate::Result<()> {
        let About { order_id, ref op_id, .. } = *call;
        let Some(about) = self.orders.about(self.orders.of(order_id)) else { return Ok(()) };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let written_at = now_us();
        let message = Message {
            id,
            written_at,
            due_at: written_at + i64::try_from(delay.as_micros())?,
            to: u32::try_from(id % u64::from(RECEIVERS))?,
            order_id,
            about,
            op_id: op_id.clone(),
            says,
        };
        // One write: a line is there as a whole.
        Ok(file.write_all((serde_json::to_string(&message)? + "\n").as_bytes())?)
    }

    fn dice(&self, about: &About, what: u64) -> fastrand::Rng {
        dice(&[self.orders.seed, what, about.order_id, about.nth])
    }
}
