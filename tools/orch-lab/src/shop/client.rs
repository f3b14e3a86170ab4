use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::Semaphore;

use super::gateway::MAX_CHARGES;
use super::{Cli, Live, count};
use crate::plan::dice;

/// How many requests are on their way to the store at once.
const AT_ONCE: usize = 16;
/// A repeat that does not come at once comes after so many other charges.
const LATER: u64 = 25;

/// What a client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its order.
    pub order_id: u64,
    /// The operation that takes care of it.
    pub op_id: String,
    /// True if an earlier request had begun that operation.
    pub replayed: bool,
}

/// Order ids in the order in which they are sent. Some are sent twice: half of these at once, in
/// parallel with the first request, half of them later.
pub(super) fn requests(cli: &Cli, first: u64) -> Vec<u64> {
    let mut places: Vec<(u64, u64)> = (0..cli.charges).map(|order| (order, order)).collect();
    dice(&[cli.seed, 1]).shuffle(&mut places);
    for nth in 0..usize::try_from(cli.repeats()).unwrap_or(usize::MAX) {
        let (place, order) = places[nth];
        places.push((place + if nth % 2 == 0 { 0 } else { LATER }, order));
    }
    places.sort_unstable();
    places.into_iter().map(|(_, order)| first + order).collect()
}

/// Sends them all, one per permit: the faults hand these out, so that they always meet traffic.
pub(super) async fn send_all<F: Future<Output = crate::Result<Told>>>(
    cli: &Cli,
    requests: Vec<u64>,
    pace: &Semaphore,
    live: &Live,
    send: impl Fn(u64, u64) -> F,
) -> crate::Result<Vec<Told>> {
    let request = async |order_id: u64| -> crate::Result<Told> {
        pace.acquire().await?.forget();
        let amount = dice(&[cli.seed, 2, order_id % MAX_CHARGES]).u64(10..=1_000) * 100;
        let told = send(order_id, amount).await?;
        count(&live.sent);
        if !told.replayed {
            count(&live.begun);
        }
        Ok(told)
    };
    stream::iter(requests).map(request).buffer_unordered(AT_ONCE).try_collect().await
}
