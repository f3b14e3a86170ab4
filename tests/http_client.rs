//! How an attempt ends with an error of `reqwest`: real sockets, each going wrong in its own way.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::error::Error;
use std::future::pending;
use std::io;
use std::time::Duration;

use orch::http::{HttpOutcome, REQUEST_NOT_BUILT, ending_of_reqwest};
use orch::internals::policies::Effect;
use orch::{Ending, HandlerError, Outcome};
use reqwest::dns::{Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, Response, redirect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const NOT_SENT: Ending = Ending::Retry { after: None };
/// Long enough for a socket on this host, short enough to wait for.
const SOON: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(from = HttpOutcome::ending)]
    #[error("refused")]
    Answer(#[from] HttpOutcome),
    #[outcome(from = ending_of_reqwest)]
    #[error("no answer")]
    Http(#[from] reqwest::Error),
}

/// What the server does with each connection, once it has read a request.
#[derive(Clone, Copy)]
enum Server {
    HangsUpUnread,
    HangsUp,
    Silent,
    Says(&'static str),
    SaysOnceThenHangsUp(&'static str),
}

impl Server {
    /// Its URL.
    async fn start(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/charges", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                tokio::spawn(self.serve(socket));
            }
        });
        url
    }

    async fn serve(self, mut socket: TcpStream) -> io::Result<()> {
        if matches!(self, Self::HangsUpUnread) {
            return Ok(());
        }
        read_request(&mut socket).await?;
        match self {
            Self::HangsUpUnread | Self::HangsUp => Ok(()),
            Self::Silent => pending().await,
            Self::Says(answer) => {
                socket.write_all(answer.as_bytes()).await?;
                socket.shutdown().await
            }
            Self::SaysOnceThenHangsUp(answer) => {
                socket.write_all(answer.as_bytes()).await?;
                read_request(&mut socket).await
            }
        }
    }
}

/// A request without a body ends with an empty line.
async fn read_request(socket: &mut TcpStream) -> io::Result<()> {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(socket.read_u8().await?);
    }
    Ok(())
}

fn client() -> ClientBuilder {
    // A proxy of the machine's own is none of these tests' business.
    Client::builder().no_proxy().redirect(redirect::Policy::none())
}

/// A call as a handler makes it: the status is looked at before the body.
async fn call_with(client: ClientBuilder, url: &str) -> Result<String, ChargeError> {
    let answer: Response = client.build()?.post(url).send().await?;
    HttpOutcome::check(answer.status(), answer.headers())?;
    Ok(answer.json().await?)
}

/// How an attempt with this call ends.
async fn ending(client: ClientBuilder, url: &str) -> Ending {
    call_with(client, url).await.unwrap_err().ending()
}

/// The same for a caller that asks the client about the status.
async fn ending_for_status(url: &str) -> Ending {
    let answer = client().build().unwrap().post(url).send().await.unwrap();
    ending_of_reqwest(&answer.error_for_status().unwrap_err())
}

/// A URL whose port nobody listens on.
async fn refused() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/charges", listener.local_addr().unwrap())
}

/// A resolver that finds nothing, or takes for ever.
struct Resolver {
    answers: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, _: Name) -> Resolving {
        let answers = self.answers;
        Box::pin(async move {
            if !answers {
                pending::<()>().await;
            }
            Err::<_, Box<dyn Error + Send + Sync>>("no such host".into())
        })
    }
}

#[tokio::test]
async fn an_answer_that_arrives_whole_is_no_error() {
    let url = Server::Says("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\"ch_1\"").start().await;
    assert_eq!(call_with(client(), &url).await.unwrap(), "ch_1");
}

#[tokio::test]
async fn a_refused_connection_was_not_sent_on() {
    assert_eq!(ending(client(), &refused().await).await, NOT_SENT);
}

#[tokio::test]
async fn a_host_that_is_not_known_was_not_called() {
    let client = client().dns_resolver(Resolver { answers: true });
    assert_eq!(ending(client, "http://gateway.example/charges").await, NOT_SENT);
}

#[tokio::test]
async fn a_timeout_of_the_connection_alone_is_known_to_come_before_the_call() {
    let slow = || client().dns_resolver(Resolver { answers: false });
    let url = "http://gateway.example/charges";
    assert_eq!(ending(slow().connect_timeout(SOON), url).await, NOT_SENT);
    // The total timeout does not say how far the call came.
    assert_eq!(ending(slow().timeout(SOON), url).await, Ending::InDoubt);
}

#[tokio::test]
async fn a_server_that_hangs_up_may_have_acted() {
    assert_eq!(ending(client(), &Server::HangsUp.start().await).await, Ending::InDoubt);
    assert_eq!(ending(client(), &Server::HangsUpUnread.start().await).await, Ending::InDoubt);
}

#[tokio::test]
async fn a_server_that_never_answers_may_have_acted() {
    let url = Server::Silent.start().await;
    assert_eq!(ending(client().timeout(SOON), &url).await, Ending::InDoubt);
    assert_eq!(ending(client().read_timeout(SOON), &url).await, Ending::InDoubt);
}

#[tokio::test]
async fn a_connection_kept_from_an_earlier_call_says_nothing_about_this_one() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\"ch_1\"";
    let url = Server::SaysOnceThenHangsUp(answer).start().await;
    let client = client().build().unwrap();
    let first = client.post(&url).send().await.unwrap();
    assert_eq!(first.json::<String>().await.unwrap(), "ch_1");
    let second = client.post(&url).send().await.unwrap_err();
    assert_eq!(ending_of_reqwest(&second), Ending::InDoubt);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_comes_from_a_provider_that_has_acted() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n{\"receipt\":",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n\"ch_1",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nokay",
        "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
    ] {
        let url = Server::Says(answer).start().await;
        let error = call_with(client(), &url).await.unwrap_err();
        let ChargeError::Http(inner) = &error else { panic!("{error:?}") };
        assert!(inner.is_body() || inner.is_decode(), "{inner:?}");
        assert_eq!(error.ending(), Ending::InDoubt, "{answer}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_http_may_follow_the_act() {
    let url = Server::Says("+OK ready\r\n\r\n").start().await;
    assert_eq!(ending(client(), &url).await, Ending::InDoubt);
}

#[tokio::test]
async fn a_redirect_says_that_a_server_has_answered() {
    let answer = "HTTP/1.1 302 Found\r\nLocation: /charges\r\nContent-Length: 0\r\n\r\n";
    let url = Server::Says(answer).start().await;
    assert_eq!(ending(client(), &url).await, Ending::InDoubt, "as a status");
    let following = client().redirect(redirect::Policy::limited(3));
    assert_eq!(ending(following, &url).await, Ending::InDoubt, "as a loop");
}

#[tokio::test]
async fn a_broken_server_leaves_doubt_and_a_busy_one_does_not() {
    let broken = Server::Says("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n").start().await;
    assert_eq!(ending(client(), &broken).await, Ending::InDoubt);
    assert_eq!(ending_for_status(&broken).await, Ending::InDoubt);
    let busy = "HTTP/1.1 429 Later\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
    let busy = Server::Says(busy).start().await;
    let after = Some(Duration::from_secs(7));
    assert_eq!(ending(client(), &busy).await, Ending::Retry { after });
    assert_eq!(ending_for_status(&busy).await, NOT_SENT, "the client drops the headers");
}

#[tokio::test]
async fn a_refusal_is_definite_and_has_the_status_in_its_code() {
    let url = Server::Says("HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n").start().await;
    assert_eq!(ending(client(), &url).await, Ending::fail("HTTP_404", false));
    assert_eq!(ending_for_status(&url).await, Ending::fail("HTTP_404", false));
}

#[tokio::test]
async fn a_request_that_cannot_be_built_fails_for_good() {
    let never = Ending::fail(REQUEST_NOT_BUILT, false);
    assert_eq!(ending(client(), "gateway/charges").await, never);
    let odd_header = client().build().unwrap().post("http://127.0.0.1/").header("Key", "\n");
    assert_eq!(ending_of_reqwest(&odd_header.send().await.unwrap_err()), never);
}

#[tokio::test]
async fn a_redirect_out_of_http_is_not_taken_for_a_request_that_was_never_sent() {
    let answer =
        "HTTP/1.1 303 See Other\r\nLocation: ftp://127.0.0.1/\r\nContent-Length: 0\r\n\r\n";
    let url = Server::Says(answer).start().await;
    let following = client().redirect(redirect::Policy::limited(3));
    assert_eq!(ending(following, &url).await, Ending::fail(REQUEST_NOT_BUILT, true));
}

#[tokio::test]
async fn a_read_says_so_where_the_status_is_looked_at() {
    let url = Server::Says("HTTP/1.1 502 Oops\r\nContent-Length: 0\r\n\r\n").start().await;
    let answer = client().build().unwrap().get(&url).send().await.unwrap();
    let outcome = HttpOutcome::from_status(answer.status(), answer.headers()).unwrap();
    assert_eq!(outcome.ending(), Ending::InDoubt);
    assert_eq!(outcome.for_effect(Effect::Read).ending(), NOT_SENT);
}
