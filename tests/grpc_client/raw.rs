//! A server that does to its stream of HTTP/2 what a [`SocketProvider`](orch_testkit::SocketProvider) cannot.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::SendStream;
use tokio::net::TcpListener;

/// It acts for each request that arrives, and sends the head of an answer.
pub(crate) struct RawServer {
    address: SocketAddr,
    arrived: Arc<AtomicUsize>,
}

impl RawServer {
    /// With this header beside those of gRPC, and with this done to the answer's stream.
    pub(crate) async fn start(
        header: (&'static str, &'static str),
        then: impl Fn(&mut SendStream<Bytes>) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let arrived = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&arrived);
        tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(socket).await.unwrap();
            // What is done waits until the head has been sent by itself.
            let (mut open, mut answered) = (Vec::new(), 0);
            loop {
                let late = tokio::time::sleep(std::time::Duration::from_millis(50));
                tokio::select! {
                    accepted = connection.accept() => {
                        let Some(Ok((_, mut respond))) = accepted else { return };
                        count.fetch_add(1, Ordering::Relaxed);
                        let head = http::Response::builder().header(header.0, header.1);
                        let head = head.header("content-type", "application/grpc");
                        open.push(respond.send_response(head.body(()).unwrap(), false).unwrap());
                    }
                    () = late, if answered < open.len() => {
                        then(&mut open[answered]);
                        answered += 1;
                    }
                }
            }
        });
        Self { address, arrived }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has seen, and what it did.
    pub(crate) fn seen(&self) -> (usize, usize) {
        let arrived = self.arrived.load(Ordering::Relaxed);
        (arrived, arrived)
    }
}
