use std::sync::Arc;

use super::batch::{Item, RETRY};
use super::{Patience, Verb};
use crate::store::{Store, StoreError, monotonic};

/// A verb of the store, and how batches of it are carried out.
pub(super) struct Line<T, R> {
    pub(super) store: Arc<dyn Store>,
    pub(super) name: &'static str,
    pub(super) patience: Patience,
    pub(super) verb: Verb<T, R>,
}

/// Items that the database has refused, and why.
type Refused<T, R> = (Vec<Item<T, R>>, StoreError);

impl<T: Clone, R> Line<T, R> {
    /// Carries the batch out, in smaller pieces where the database refuses it whole. What comes
    /// back is to be tried again: an error that is the server's, or cannot be told from one.
    pub(super) async fn carry_out(&self, batch: Vec<Item<T, R>>) -> Vec<Item<T, R>> {
        let mut again = Vec::new();
        let mut refused: Vec<_> = self.deliver(batch).await.into_iter().collect();
        while let Some((mut piece, error)) = refused.pop() {
            if piece.len() == 1 {
                again.extend(self.give_up(piece, &error));
                continue;
            }
            let second = piece.split_off(piece.len() / 2);
            match (self.deliver(piece).await, self.deliver(second).await) {
                (Some((first, error)), Some((second, same))) if are_the_servers(&error, &same) => {
                    again.extend(self.give_up(first, &error));
                    again.extend(self.give_up(second, &same));
                }
                halves => refused.extend(<[_; 2]>::from(halves).into_iter().flatten()),
            }
        }
        again
    }

    /// Calls the store and answers; `None` once all have their answers.
    async fn deliver(&self, piece: Vec<Item<T, R>>) -> Option<Refused<T, R>> {
        let (piece, called) = self.call(piece).await;
        match called {
            Ok(answers) => {
                answer(self.name, piece, answers);
                None
            }
            Err(error) => Some((piece, error)),
        }
    }

    /// Answers with the error, unless it is not about the item and nothing may be lost.
    fn give_up(&self, piece: Vec<Item<T, R>>, error: &StoreError) -> Vec<Item<T, R>> {
        if matches!(self.patience, Patience::Forever) && !error.is_about_an_item() {
            tracing::error!(verb = self.name, items = piece.len(), error = ?error,
                "the database refuses what must be stored; it is kept, and tried again");
            return piece;
        }
        reply_all(piece, error);
        Vec::new()
    }

    /// Calls the store; gives the piece back, to be answered or halved.
    async fn call(&self, piece: Vec<Item<T, R>>) -> (Vec<Item<T, R>>, Result<Vec<R>, StoreError>) {
        let started = monotonic::now();
        let mut tries = 0;
        loop {
            let items = piece.iter().map(|(item, _)| item.clone()).collect();
            let error = match (self.verb)(&*self.store, items).await {
                Err(error) if error.is_transient() => error,
                done => return (piece, done),
            };
            tries += 1;
            if let Patience::For(limit) = self.patience
                && started.elapsed() >= limit
            {
                return (piece, Err(error));
            }
            let delay = RETRY.delay(tries, fastrand::f64());
            tracing::warn!(
                verb = self.name, items = piece.len(), tries, ?delay, error = ?error,
                "the database does not answer; retrying"
            );
            monotonic::sleep(delay).await;
        }
    }
}

/// True if both halves of a batch failed and neither because of an item in it.
const fn are_the_servers(one: &StoreError, other: &StoreError) -> bool {
    !one.is_about_an_item() && !other.is_about_an_item()
}

fn answer<T, R>(name: &str, piece: Vec<Item<T, R>>, answers: Vec<R>) {
    if answers.len() != piece.len() {
        let error = StoreError::fatal(format!(
            "{name} answered {} of {} items; this is a defect of the store",
            answers.len(),
            piece.len()
        ));
        return reply_all(piece, &error);
    }
    for ((_, reply), answer) in piece.into_iter().zip(answers) {
        let _ = reply.send(Ok(answer));
    }
}

fn reply_all<T, R>(piece: Vec<Item<T, R>>, error: &StoreError) {
    for (_, reply) in piece {
        // The caller may have gone away; then no one waits for the answer.
        let _ = reply.send(Err(error.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::flow::Batcher;
    use crate::store::open;

    /// A number that takes the database a while.
    const SLOW: u32 = 100;

    /// What the database has against a batch.
    type Against = fn(&Database, &[u32]) -> Option<StoreError>;

    /// Stores numbers, or refuses them.
    struct Database {
        against: Against,
        stored: Mutex<HashSet<u32>>,
        calls: Mutex<u32>,
    }

    impl Database {
        fn refusing(against: Against) -> Arc<Self> {
            Arc::new(Self { against, stored: Mutex::default(), calls: Mutex::default() })
        }

        fn calls(&self) -> u32 {
            *self.calls.lock().unwrap()
        }
    }

    async fn batcher(patience: Patience) -> Arc<Batcher<(Arc<Database>, u32), u32>> {
        let store = open("memory:").await.unwrap();
        let verb: Verb<(Arc<Database>, u32), u32> = |_, batch| {
            Box::pin(async move {
                let database = &batch[0].0;
                let numbers: Vec<u32> = batch.iter().map(|(_, number)| *number).collect();
                *database.calls.lock().unwrap() += 1;
                if numbers.contains(&SLOW) {
                    monotonic::sleep(Duration::from_millis(15)).await;
                }
                if let Some(error) = (database.against)(database, &numbers) {
                    return Err(error);
                }
                database.stored.lock().unwrap().extend(&numbers);
                Ok(numbers)
            })
        };
        Arc::new(Batcher::start_with(store, "test", patience, 1, verb))
    }

    /// Hands in the numbers below `count` at once; the answers in their order.
    async fn submit(
        database: &Arc<Database>,
        patience: Patience,
        count: u32,
    ) -> Vec<Result<u32, StoreError>> {
        let batcher = batcher(patience).await;
        let submit = |number| {
            let (batcher, database) = (Arc::clone(&batcher), Arc::clone(database));
            tokio::spawn(async move { batcher.submit((database, number)).await })
        };
        let tasks: Vec<_> = (0..count).map(submit).collect();
        let mut answers = Vec::new();
        for task in tasks {
            let answer = monotonic::timeout(Duration::from_millis(500), task).await;
            answers
                .push(answer.map_or_else(|_| Err(StoreError::transient("waits")), Result::unwrap));
        }
        answers
    }

    #[tokio::test]
    async fn what_the_server_refuses_is_kept_until_it_takes_it() {
        let refuses = |database: &Database, _: &[u32]| {
            (database.calls() <= 3).then(|| StoreError::fatal("login refused"))
        };
        for count in [1, 2, 40] {
            let database = Database::refusing(refuses);
            let answers = submit(&database, Patience::Forever, count).await;
            assert!(answers.iter().all(Result::is_ok), "{answers:?}");
            assert_eq!(database.stored.lock().unwrap().len(), count as usize);
        }
    }

    #[tokio::test]
    async fn an_item_that_the_database_names_is_given_up_alone() {
        let refuses = |_: &Database, batch: &[u32]| {
            batch.contains(&7).then(|| StoreError::rejected("not in this encoding"))
        };
        for patience in [Patience::Forever, Patience::For(Duration::ZERO)] {
            let database = Database::refusing(refuses);
            let answers = submit(&database, patience, 40).await;
            let failed: Vec<_> = (0..40).filter(|n| answers[*n].is_err()).collect();
            assert_eq!(failed, [7]);
        }
    }

    #[tokio::test]
    async fn an_item_that_is_refused_for_no_known_reason_is_kept_and_holds_up_no_other() {
        let refuses =
            |_: &Database, batch: &[u32]| batch.contains(&7).then(|| StoreError::fatal("strange"));
        let database = Database::refusing(refuses);
        let answers = submit(&database, Patience::Forever, 40).await;
        let waits: Vec<_> = (0..40).filter(|n| answers[*n].is_err()).collect();
        assert_eq!(waits, [7]);
        assert!(answers[7].as_ref().unwrap_err().is_transient(), "it was not given up");
    }

    #[tokio::test]
    async fn what_is_kept_backs_off_although_others_go_on() {
        let database =
            Database::refusing(|_, batch| batch.contains(&7).then(|| StoreError::fatal("strange")));
        let batcher = batcher(Patience::Forever).await;
        let (strange, kept) = (Arc::clone(&batcher), Arc::clone(&database));
        tokio::spawn(async move { strange.submit((kept, 7)).await });
        let (until, mut others) = (monotonic::now() + Duration::from_millis(600), 0);
        while monotonic::now() < until {
            batcher.submit((Arc::clone(&database), SLOW)).await.unwrap();
            others += 1;
        }
        // Some five rounds, each of two calls; without backing off there would be fifteen.
        let about_it = database.calls() - others;
        assert!(about_it <= 16, "{about_it} calls beside {others}");
    }

    #[tokio::test]
    async fn a_caller_who_waits_is_told_of_the_servers_refusal_without_many_calls() {
        let database = Database::refusing(|_, _| Some(StoreError::fatal("read-only")));
        let answers = submit(&database, Patience::For(Duration::from_secs(60)), 40).await;
        assert!(answers.iter().all(|answer| !answer.as_ref().unwrap_err().is_transient()));
        assert!(database.calls() <= 6, "{} calls", database.calls());
    }
}
