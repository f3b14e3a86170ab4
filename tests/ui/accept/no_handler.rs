use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use orch::prelude::*;
use orch::core::seams::{Handled, KeyGiven};

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
}

/// The bounds of `orchestrator.accept(command).await`.
struct Accept<C, K>(C, PhantomData<K>);

fn accept<C: Handled>(command: C) -> Accept<C, C::Key> {
    Accept(command, PhantomData)
}

impl<C: Handled, K: KeyGiven> Future for Accept<C, K> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

async fn request() {
    let _ = accept(Charge { order_id: 1 });
}

fn main() {}
