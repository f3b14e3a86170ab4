use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What a request over HTTP/2 begins with, as far as it differs from every method of HTTP/1.
const PREFACE: &[u8; 4] = b"PRI ";

/// A connection to which more than one part of the provider writes, and whose beginning can be read
/// twice.
#[derive(Clone)]
pub(super) struct Wire(Arc<Mutex<Inner>>);

struct Inner {
    socket: Box<dyn Socket>,
    /// What was read to see which protocol it is, and is read again.
    ahead: Vec<u8>,
}

pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {
    /// The peer sees a reset when the connection is dropped, where the transport has one.
    fn reset(&mut self) {}
}

impl Socket for TcpStream {
    fn reset(&mut self) {
        let _ = self.set_zero_linger();
    }
}

/// Any other connection.
pub(super) struct Plain<IO>(pub(super) IO);

impl Wire {
    pub(super) fn new(socket: impl Socket + 'static) -> Self {
        let inner = Inner { socket: Box::new(socket), ahead: Vec::new() };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// Whether the client begins with the preface of HTTP/2.
    pub(super) async fn speaks_http2(&mut self) -> io::Result<bool> {
        let mut first = [0; PREFACE.len()];
        self.read_exact(&mut first).await?;
        self.0.lock().unwrap().ahead = first.to_vec();
        Ok(first == *PREFACE)
    }

    pub(super) fn reset(&self) {
        self.0.lock().unwrap().socket.reset();
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let inner = &mut *self.0.lock().unwrap();
        if inner.ahead.is_empty() {
            return Pin::new(&mut inner.socket).poll_read(cx, buf);
        }
        let taken = inner.ahead.len().min(buf.remaining());
        buf.put_slice(&inner.ahead[..taken]);
        inner.ahead.drain(..taken);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0.lock().unwrap().socket).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.lock().unwrap().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.lock().unwrap().socket).poll_shutdown(cx)
    }
}

impl<IO: AsyncRead + AsyncWrite + Send + Unpin> Socket for Plain<IO> {}

impl<IO: AsyncRead + Unpin> AsyncRead for Plain<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Plain<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
