mod http1;
mod http2;
mod io;
mod step;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use self::io::{Plain, Wire};
pub use self::step::{SocketAnswer, SocketStep};
use crate::crash_matrix::ProviderBooks;

/// The header in which a [`SocketProvider`] looks for the provider key.
pub const KEY_HEADER: &str = "idempotency-key";

/// A provider on a real socket of this host that does what a test tells it, request by request,
/// over HTTP/1 and, to a client with prior knowledge, over HTTP/2.
///
/// It counts what arrives, not what the caller believes to have sent: a client that sends a request
/// again by itself, or follows a redirect with it, is seen in [`arrivals`](Self::arrivals). It keeps
/// keys in the simplest form of a contract: a key that has acted gets the same receipt again and
/// never acts twice. Once its script is used up it charges.
///
/// ```
/// # use orch_testkit::{SocketProvider, SocketStep};
/// # use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// let provider = SocketProvider::start([SocketStep::HangUp]).await;
///
/// // Here your own handler calls `provider.url("/charges")`.
/// # let mut socket = tokio::net::TcpStream::connect(provider.address()).await.unwrap();
/// # let request = b"POST /charges HTTP/1.1\r\nIdempotency-Key: key\r\nContent-Length: 0\r\n\r\n";
/// # socket.write_all(request).await.unwrap();
/// # assert_eq!(socket.read(&mut [0]).await.unwrap(), 0);
///
/// assert_eq!(provider.arrivals_of("key"), 1);
/// assert_eq!(provider.acts_of("key"), 1);
/// # });
/// ```
#[derive(Debug)]
pub struct SocketProvider {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: AbortHandle,
}

/// One request as the provider got it. It is there from the moment at which its head has arrived.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The provider key, as the header [`KEY_HEADER`] says it.
    pub key: Option<String>,
    /// The method.
    pub method: http::Method,
    /// What was asked for: a path, to a proxy a whole URL or an authority.
    pub target: String,
    /// The version of HTTP.
    pub version: http::Version,
    /// All headers.
    pub headers: HeaderMap,
    /// As much of the body as has arrived.
    pub body: Vec<u8>,
    /// True if the body has arrived whole.
    pub whole: bool,
    /// What the script said to do.
    pub step: SocketStep,
}

impl SocketProvider {
    /// A provider with this script, which listens on a free port of 127.0.0.1 until it is dropped.
    ///
    /// # Panics
    /// If this host has no free port, or outside a tokio runtime.
    pub async fn start(script: impl IntoIterator<Item = SocketStep>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::new(script));
        let accepting = tokio::spawn(accept(Arc::clone(&shared), listener)).abort_handle();
        Self { shared, address, accepting }
    }

    /// A URL at whose port no one listens: a connection is refused.
    ///
    /// # Panics
    /// If this host has no free port, or outside a tokio runtime.
    pub async fn refused_url() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    }

    /// From now on a connection over HTTP/2 takes at most so many requests at once; the client has to
    /// hold the others back. 100 by default.
    pub fn max_streams(&self, count: u32) {
        self.shared.max_streams.store(count, Ordering::Relaxed);
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of this path, which begins with `/`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Serves one connection that did not come through its own port, such as one inside TLS. Returns
    /// when that connection ends.
    pub async fn serve<IO>(&self, connection: IO)
    where
        IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        serve(Arc::clone(&self.shared), Wire::new(Plain(connection))).await;
    }

    /// Every request so far, in the order of arrival.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shared.books.lock().unwrap().arrivals.clone()
    }

    /// How many requests have arrived with this key.
    #[must_use]
    pub fn arrivals_of(&self, key: &str) -> usize {
        let of_key = |arrival: &&Arrival| arrival.key.as_deref() == Some(key);
        self.shared.books.lock().unwrap().arrivals.iter().filter(of_key).count()
    }

    /// Returns once `count` requests have arrived in all.
    pub async fn arrived(&self, count: usize) {
        let mut seen = self.shared.count.subscribe();
        seen.wait_for(|arrivals| *arrivals >= count).await.expect("the provider lives");
    }

    /// How often it has acted for this key: 0 or 1.
    #[must_use]
    pub fn acts_of(&self, key: &str) -> usize {
        self.shared.books.lock().unwrap().acts.iter().filter(|acted| *acted == key).count()
    }

    /// How often it has acted in all.
    #[must_use]
    pub fn acts(&self) -> usize {
        self.shared.books.lock().unwrap().acts.len()
    }
}

impl Drop for SocketProvider {
    /// Its port is closed, and all its connections.
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl ProviderBooks for SocketProvider {
    fn keys(&self) -> Vec<String> {
        self.arrivals().into_iter().filter_map(|arrival| arrival.key).collect()
    }

    fn effects(&self) -> usize {
        self.acts()
    }
}

#[derive(Debug)]
struct Shared {
    books: Mutex<Books>,
    count: watch::Sender<usize>,
    max_streams: AtomicU32,
}

#[derive(Debug, Default)]
struct Books {
    script: VecDeque<SocketStep>,
    arrivals: Vec<Arrival>,
    /// The key of each act; its place, from 1, is the receipt.
    acts: Vec<String>,
}

/// The head of a request: an arrival without what the books add.
struct Head {
    method: http::Method,
    target: String,
    version: http::Version,
    headers: HeaderMap,
}

impl Shared {
    fn new(script: impl IntoIterator<Item = SocketStep>) -> Self {
        let books = Books { script: script.into_iter().collect(), ..Books::default() };
        let books = Mutex::new(books);
        Self { books, count: watch::Sender::new(0), max_streams: AtomicU32::new(100) }
    }

    /// True if the next connection is closed before anything is read.
    fn hangs_up_unread(&self) -> bool {
        let mut books = self.books.lock().unwrap();
        let next = books.script.front() == Some(&SocketStep::HangUpUnread);
        if next {
            books.script.pop_front();
        }
        next
    }

    /// Enters a request, and takes the next step. The number is that of the arrival.
    fn arrive(&self, head: Head) -> (usize, SocketStep) {
        let Head { method, target, version, headers } = head;
        let key = headers.get(KEY_HEADER).and_then(|key| key.to_str().ok()).map(str::to_owned);
        let mut books = self.books.lock().unwrap();
        let step = books.script.pop_front().unwrap_or(SocketStep::Charge);
        let arrival = Arrival {
            key,
            method,
            target,
            version,
            headers,
            body: Vec::new(),
            whole: false,
            step: step.clone(),
        };
        books.arrivals.push(arrival);
        let number = books.arrivals.len() - 1;
        drop(books);
        self.count.send_modify(|count| *count += 1);
        (number, step)
    }

    fn body(&self, number: usize, part: &[u8]) {
        self.books.lock().unwrap().arrivals[number].body.extend_from_slice(part);
    }

    fn whole(&self, number: usize) {
        self.books.lock().unwrap().arrivals[number].whole = true;
    }

    /// Acts, unless the key has acted already. The receipt.
    fn act(&self, number: usize) -> usize {
        let mut books = self.books.lock().unwrap();
        let key = books.arrivals[number].key.clone().unwrap_or_default();
        let before = books.acts.iter().position(|acted| *acted == key);
        match before {
            Some(place) if !key.is_empty() => place + 1,
            _ => {
                books.acts.push(key);
                books.acts.len()
            }
        }
    }

    /// The answer of a step that has one, once it has acted where it does.
    fn answer(&self, number: usize, step: &SocketStep) -> Option<SocketAnswer> {
        let receipt = if step.acts() { self.act(number) } else { 0 };
        match step {
            SocketStep::Charge => Some(SocketAnswer::receipt(receipt)),
            SocketStep::Answer(answer) => Some(answer.clone()),
            _ => None,
        }
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    // They end with this task.
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        connections.spawn(serve(Arc::clone(&shared), Wire::new(socket)));
    }
}

/// What breaks on the way is what tests are made of, and no one's error here.
async fn serve(shared: Arc<Shared>, mut wire: Wire) {
    if shared.hangs_up_unread() {
        return;
    }
    let _ = match wire.speaks_http2().await {
        Ok(true) => http2::serve(&shared, wire).await,
        Ok(false) => http1::serve(&shared, wire).await,
        Err(_) => Ok(()),
    };
}
