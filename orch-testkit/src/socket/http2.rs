use std::future::pending;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderName};
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
    let streams_taken = Arc::new(Mutex::new(Taken { highest: 0, last: u32::MAX }));
    // They end with the connection.
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            accepted = connection.accept() => {
                let Some(accepted) = accepted else { return Ok(()) };
                let (request, respond) = accepted.map_err(io::Error::other)?;
                let stream = Stream {
                    shared: Arc::clone(shared),
                    taken: Arc::clone(&streams_taken),
                    orders: orders.clone(),
                    id: respond.stream_id().into(),
                };
                streams.spawn(stream.serve(request, respond));
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

/// Which streams of a connection are processed, so that a `GOAWAY` speaks the truth about the others.
struct Taken {
    /// The highest one so far.
    highest: u32,
    /// The last one that will be: higher ones are ignored (RFC 9113 §6.8).
    last: u32,
}

/// One request.
struct Stream {
    shared: Arc<Shared>,
    taken: Arc<Mutex<Taken>>,
    orders: mpsc::UnboundedSender<Order>,
    id: u32,
}

impl Stream {
    async fn serve(
        self,
        request: http::Request<RecvStream>,
        mut respond: SendResponse<Bytes>,
    ) -> Result<(), h2::Error> {
        if self.id > self.taken.lock().unwrap().last {
            return pending().await;
        }
        let (parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().map_or(String::new(), ToString::to_string);
        let (method, version, headers) = (parts.method, parts.version, parts.headers);
        let (number, step) = self.shared.arrive(Head { method, target, version, headers });
        match step {
            SocketStep::Stall => return pending().await,
            SocketStep::GoAwayBelow if self.goes_away_below() => return pending().await,
            SocketStep::RefuseStream | SocketStep::GoAwayBelow => {
                respond.send_reset(Reason::REFUSED_STREAM);
                return Ok(());
            }
            _ => {}
        }
        if !self.is_taken() {
            return pending().await;
        }
        read_body(&self.shared, number, body).await?;
        let answer = self.shared.answer(number, &step);
        let order = match (step, answer) {
            (_, Some(answer)) => return write(&mut respond, &answer),
            (SocketStep::ResetStream, _) => {
                respond.send_reset(Reason::INTERNAL_ERROR);
                return Ok(());
            }
            (SocketStep::Silent, _) => return pending().await,
            (SocketStep::NoHttp, _) => Order::NoHttp,
            (SocketStep::Reset, _) => Order::Reset,
            (SocketStep::GoAway, _) => self.goes_away(),
            _ => Order::HangUp,
        };
        let _ = self.orders.send(order);
        // The stream stays open until the connection ends with it.
        pending().await
    }

    /// From here on it counts as processed. False if a `GOAWAY` came before.
    fn is_taken(&self) -> bool {
        let mut taken = self.taken.lock().unwrap();
        taken.highest = taken.highest.max(self.id);
        self.id <= taken.last
    }

    /// Says that neither this stream nor a higher one is processed. False if a higher one is already.
    fn goes_away_below(&self) -> bool {
        let mut taken = self.taken.lock().unwrap();
        if taken.highest > self.id {
            return false;
        }
        // Streams of a client have odd numbers, so this is no stream of its.
        taken.last = taken.last.min(self.id - 1);
        let _ = self.orders.send(Order::GoAway { last: taken.last, then_hang_up: false });
        true
    }

    fn goes_away(&self) -> Order {
        let mut taken = self.taken.lock().unwrap();
        taken.last = taken.last.min(taken.highest);
        Order::GoAway { last: taken.last, then_hang_up: true }
    }
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
    let trailers = trailers(answer);
    body.send_data(sent, answer.cut.is_none() && trailers.is_empty())?;
    if answer.cut.is_some() {
        body.send_reset(Reason::INTERNAL_ERROR);
    } else if !trailers.is_empty() {
        body.send_trailers(trailers)?;
    }
    Ok(())
}

fn trailers(answer: &SocketAnswer) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    for (name, value) in &answer.trailers {
        let name: HeaderName = name.parse().unwrap();
        trailers.append(name, value.parse().unwrap());
    }
    trailers
}
