/// What a [`SocketProvider`](crate::SocketProvider) does with one request. Where it acts, it does so
/// once for each key, when the body has arrived whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketStep {
    /// Acts, and answers 200 with `{"receipt":n}`; n counts from 1, and is the same for the same key.
    Charge,
    /// Answers this.
    Answer(SocketAnswer),
    /// Closes the connection before it reads anything. As this is about a connection, it is taken
    /// when the next one opens, and nothing arrives.
    HangUpUnread,
    /// Acts, and closes the connection without an answer.
    HangUp,
    /// Acts, begins to answer, and resets the connection in the middle of the head.
    Reset,
    /// Acts, and answers with something that is no HTTP.
    NoHttp,
    /// Acts, and never answers.
    Silent,
    /// Does not read the body, and does not answer.
    Stall,
    /// HTTP/2: resets the stream with `REFUSED_STREAM`. Over HTTP/1 it closes the connection.
    RefuseStream,
    /// HTTP/2: acts, and resets the stream with `INTERNAL_ERROR`. Over HTTP/1 it closes the connection.
    ResetStream,
    /// HTTP/2: says `GOAWAY` with a last stream below this one, which is not processed, and ignores all
    /// later ones of the connection. Where a later one is processed already, it resets this one with
    /// `REFUSED_STREAM` instead. Over HTTP/1 it closes the connection.
    GoAwayBelow,
    /// HTTP/2: acts, says `GOAWAY` with this stream as the last one, and closes the connection without
    /// an answer. Over HTTP/1 it closes the connection.
    GoAway,
}

impl SocketStep {
    /// Whether the provider acts.
    pub(super) fn acts(&self) -> bool {
        match self {
            Self::Charge | Self::HangUp | Self::Reset | Self::NoHttp => true,
            Self::Silent | Self::ResetStream | Self::GoAway => true,
            Self::Answer(answer) => answer.acts,
            Self::HangUpUnread | Self::Stall | Self::RefuseStream | Self::GoAwayBelow => false,
        }
    }
}

/// An answer of a [`SocketProvider`](crate::SocketProvider), whole or cut.
///
/// ```
/// # use orch_testkit::{SocketAnswer, SocketStep};
/// let busy = SocketAnswer::new(429).header("retry-after", "7");
/// let login = SocketAnswer::new(200).header("content-type", "text/html").body("<html>");
/// let half = SocketAnswer::new(201).acting().body(r#"{"receipt":1}"#).without_length().cut(6);
/// let grpc = SocketAnswer::new(200).header("content-type", "application/grpc").trailer("grpc-status", "5");
/// # let _: [SocketStep; 4] = [busy.into(), login.into(), half.into(), grpc.into()];
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketAnswer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) trailers: Vec<(String, String)>,
    pub(super) body: String,
    pub(super) framing: Framing,
    /// How many bytes of the body are sent before the connection is closed.
    pub(super) cut: Option<usize>,
    acts: bool,
}

/// How an answer over HTTP/1 says where its body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length,
    Chunked,
    Close,
}

impl SocketAnswer {
    /// This status, without a body. The provider does not act.
    #[must_use]
    pub fn new(status: u16) -> Self {
        let (headers, trailers, body) = (Vec::new(), Vec::new(), String::new());
        Self { status, headers, trailers, body, framing: Framing::Length, cut: None, acts: false }
    }

    pub(super) fn receipt(receipt: usize) -> Self {
        Self::new(200)
            .header("content-type", "application/json")
            .body(format!(r#"{{"receipt":{receipt}}}"#))
    }

    /// The provider acts before it answers.
    #[must_use]
    pub fn acting(self) -> Self {
        Self { acts: true, ..self }
    }

    /// With this header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Over HTTP/2, with this trailer after the body, such as `grpc-status` of gRPC.
    #[must_use]
    pub fn trailer(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.trailers.push((name.into(), value.into()));
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(self, body: impl Into<String>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Over HTTP/1, the body has no length: it ends when the connection is closed.
    #[must_use]
    pub fn without_length(self) -> Self {
        Self { framing: Framing::Close, ..self }
    }

    /// Over HTTP/1, the body is sent in chunks.
    #[must_use]
    pub fn chunked(self) -> Self {
        Self { framing: Framing::Chunked, ..self }
    }

    /// Only so many bytes of the body are sent; then the connection is closed, or the stream of HTTP/2
    /// reset.
    #[must_use]
    pub fn cut(self, bytes: usize) -> Self {
        Self { cut: Some(bytes), ..self }
    }

    /// What is sent of the body.
    pub(super) fn sent(&self) -> &[u8] {
        let body = self.body.as_bytes();
        &body[..self.cut.unwrap_or(body.len()).min(body.len())]
    }
}

impl From<SocketAnswer> for SocketStep {
    fn from(answer: SocketAnswer) -> Self {
        Self::Answer(answer)
    }
}
