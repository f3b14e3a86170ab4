use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::http1::NO_HTTP;
use super::io::Wire;
use super::{Head, Shared, SocketAnswer, SocketStep};

/// What a request does to its whole connection.
enum Order {
    HangUp,
    NoHttp,
    Reset,
    GoAway { last: u32, then_hang_up: bool },
}

pub(super) async fn serve(shared: &Arc<Shared>, wire: Wire) -> io::Result<()> {
    let mut connection = h2::server::Builder::new()
        .max_concurrent_streams(shared.max_streams.load(Ordering::Relaxed))
        .handshake::<_, Bytes>(wire.clone())
        .await
        .map_err(io::Error::other)?;
    let (orders, mut ordered) = mpsc::unbounded_channel();
    // They end with the connection.
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            accepted = connection.accept() => {
                let Some(accepted) = accepted else { return Ok(()) };
                let (request, respond) = accepted.map_err(io::Error::other)?;
                let (shared, orders) = (Arc::clone(shared), orders.clone());
                streams.spawn(async move { stream(&shared, request, respond, &orders).await });
            }
            Some(order) = ordered.recv() => match order {
                Order::HangUp => return Ok(()),
                Order::NoHttp => {
                    wire.clone().write_all(NO_HTTP).await?;
                    return Ok(());
                }
                Order::Reset => {
                    wire.reset();
                    return Ok(());
                }
                Order::GoAway { last, then_hang_up } => {
                    wire.clone().write_all(&go_away(last)).await?;
                    if then_hang_up {
                        return Ok(());
                    }
                }
            },
        }
    }
}

/// A frame `GOAWAY` with `NO_ERROR` (RFC 9113 §6.8). It is written past h2, which would only ever
/// name the last stream that it has accepted.
fn go_away(last: u32) -> [u8; 17] {
    let mut frame = [0; 17];
    frame[2] = 8;
    frame[3] = 7;
    frame[9..13].copy_from_slice(&last.to_be_bytes());
    frame
}

async fn stream(
    shared: &Shared,
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    orders: &mpsc::UnboundedSender<Order>,
) -> Result<(), h2::Error> {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or(String::new(), ToString::to_string);
    let (method, version, headers) = (parts.method, parts.version, parts.headers);
    let (number, step) = shared.arrive(Head { method, target, version, headers });
    let id = u32::from(respond.stream_id());
    match step {
        SocketStep::Stall => return pending().await,
        SocketStep::RefuseStream => {
            respond.send_reset(Reason::REFUSED_STREAM);
            return Ok(());
        }
        SocketStep::GoAwayBelow => {
            // Streams of a client have odd numbers, so this is no stream of its.
            let _ = orders.send(Order::GoAway { last: id - 1, then_hang_up: false });
            return pending().await;
        }
        _ => {}
    }
    read_body(shared, number, body).await?;
    let answer = shared.answer(number, &step);
    let order = match (step, answer) {
        (_, Some(answer)) => return write(&mut respond, &answer),
        (SocketStep::ResetStream, _) => {
            respond.send_reset(Reason::INTERNAL_ERROR);
            return Ok(());
        }
        (SocketStep::Silent, _) => return pending().await,
        (SocketStep::NoHttp, _) => Order::NoHttp,
        (SocketStep::Reset, _) => Order::Reset,
        (SocketStep::GoAway, _) => Order::GoAway { last: id, then_hang_up: true },
        _ => Order::HangUp,
    };
    let _ = orders.send(order);
    // The stream stays open until the connection ends with it.
    pending().await
}

async fn read_body(shared: &Shared, number: usize, mut body: RecvStream) -> Result<(), h2::Error> {
    while let Some(part) = body.data().await {
        let part = part?;
        shared.body(number, &part);
        body.flow_control().release_capacity(part.len())?;
    }
    shared.whole(number);
    Ok(())
}

fn write(respond: &mut SendResponse<Bytes>, answer: &SocketAnswer) -> Result<(), h2::Error> {
    let mut head = http::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        head = head.header(name, value);
    }
    let head = head.body(()).unwrap();
    let sent = Bytes::copy_from_slice(answer.sent());
    let mut body = respond.send_response(head, false)?;
    body.send_data(sent, answer.cut.is_none())?;
    if answer.cut.is_some() {
        body.send_reset(Reason::INTERNAL_ERROR);
    }
    Ok(())
}
