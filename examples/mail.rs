//! Sends a mail over SMTP once. Where the server's reply is lost, SMTP cannot be asked, and a second mail would be
//! a second mail: the operation is parked, and an operator finds the `Message-ID` in the server's log. The server is a
//! small one of this program, and no network is needed.

use std::sync::{Arc, Mutex, PoisonError};

use lettre::message::Mailbox;
use lettre::transport::smtp;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use orch::mail::{InvalidDomain, ending_of_lettre, message_id, transport};
use orch::prelude::*;
use orch::providers::Unkeyed;
use orch::{Accepted, Orchestrator, Resolution};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[derive(Debug, Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Confirm {
    #[command(idem_key)]
    order_id: u64,
    to: String,
}

#[derive(Debug, thiserror::Error, Outcome)]
enum MailError {
    #[outcome(fail, code = "BAD_ADDRESS")]
    #[error("the address is none")]
    Address(#[from] lettre::address::AddressError),
    #[outcome(fail, code = "BAD_MAIL")]
    #[error("the mail cannot be written")]
    Mail(#[from] lettre::error::Error),
    #[outcome(fail, code = "BAD_DOMAIN")]
    #[error("our own domain is none")]
    Domain(#[from] InvalidDomain),
    #[outcome(from = ending_of_lettre)]
    #[error("the mail server has not taken it")]
    Smtp(#[from] smtp::Error),
    #[outcome(in_doubt)]
    #[error("the mail server has answered {0}, which is no reply to a mail")]
    Confused(smtp::response::Code),
}

type Mailer = AsyncSmtpTransport<Tokio1Executor>;

#[orchestrated(
    domain = "MAIL",
    event = "CONFIRM_ORDER",
    provider = Unkeyed,
    effect = "unsafe",
    in_doubt = "park",
    attempt_timeout = "30s",
    // A server that says "not now" often means some minutes.
    time_budget = "24h",
    max_attempts = 20,
    backoff(base = "1m", cap = "1h")
)]
async fn confirm(
    cmd: Confirm,
    ctx: Context<Unkeyed>,
    mailer: State<Mailer>,
) -> Result<String, MailError> {
    let id = message_id(ctx.provider_key(), "shop.example")?;
    let mail = Message::builder()
        .message_id(Some(id.clone()))
        .from(Mailbox::new(None, "shop@shop.example".parse()?))
        .to(Mailbox::new(None, cmd.to.parse()?))
        .subject(format!("Your order {}", cmd.order_id))
        .body("Thank you.".to_owned())?;
    let reply = mailer.send(mail).await?;
    // lettre takes a 3yz for a success too.
    if !reply.has_code(250) {
        return Err(MailError::Confused(reply.code()));
    }
    Ok(id)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let log = Log::default();
    tokio::spawn(serve(listener, log.clone()));

    // With a TLS feature of lettre: `Mailer::relay("mail.example")?`.
    let builder = Mailer::builder_dangerous("127.0.0.1").port(port);
    let mailer: Mailer = transport(builder, Duration::from_secs(30)).build();
    let runtime =
        Runtime::connect("memory:").only([("MAIL", "CONFIRM_ORDER")]).state(mailer).start().await?;
    let orchestrator = runtime.orchestrator();
    for (order_id, to) in
        [(1, "ann@home.example"), (2, "lost@home.example"), (3, "nobody@home.example")]
    {
        let accepted = orchestrator.accept(Confirm { order_id, to: to.to_owned() }).await?;
        match ended(orchestrator, &accepted).await? {
            Waited::Ok(id) => println!("order {order_id}: sent as {}", shown(&id)),
            Waited::Failed(failure) => println!("order {order_id}: {}", failure.code),
            Waited::Pending(_) => {
                println!("order {order_id}: parked, its reply is lost");
                decide(orchestrator, &accepted, &log).await?;
                println!("order {order_id}: found in the log of the server, and resolved");
            }
        }
    }
    let _ = runtime.shutdown().await;
    println!("mails that the server has taken: {}", log.ids().len());
    Ok(())
}

/// What an operator does, once the server's longest time for a mail is over, 10 minutes by RFC 5321: one that is
/// not in the log then was not taken. With the key of the operation, the `Message-ID` is known.
async fn decide(
    desk: &Orchestrator,
    accepted: &Accepted<Confirm>,
    log: &Log,
) -> Result<(), Box<dyn std::error::Error>> {
    let keys = desk.provider_keys::<Unkeyed>(accepted.op_id).await?;
    let sent = log.ids().into_iter().find(|id| keys.iter().any(|key| id.contains(key.as_str())));
    let resolution = match sent {
        Some(id) => Resolution::ok(&id)?,
        None => Resolution::RunAgain,
    };
    Ok(desk.resolve(accepted.op_id, resolution, "ann", "looked at the log of the server").await?)
}

/// The end of the operation, or `Pending` once it is parked.
async fn ended(
    desk: &Orchestrator,
    accepted: &Accepted<Confirm>,
) -> Result<Waited<String>, Box<dyn std::error::Error>> {
    loop {
        let waited = desk.wait(accepted, Duration::from_millis(50)).await?;
        let parked = !desk.parked(None).await?.items.is_empty();
        if parked || !matches!(waited, Waited::Pending(_)) {
            return Ok(waited);
        }
    }
}

/// The same in each run.
fn shown(id: &str) -> String {
    id.split_once('@').map_or_else(String::new, |(_, domain)| format!("<…@{domain}"))
}

/// The log of the mail server: the `Message-ID` of each mail that it has taken.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn ids(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn enter(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(id.to_owned());
    }
}

/// Stands for a mail server.
async fn serve(listener: TcpListener, log: Log) {
    while let Ok((socket, _)) = listener.accept().await {
        let log = log.clone();
        tokio::spawn(async move {
            let _ = converse(socket, &log).await;
        });
    }
}

async fn converse(socket: TcpStream, log: &Log) -> std::io::Result<()> {
    let mut wire = BufReader::new(socket);
    let (mut line, mut to, mut in_text) = (String::new(), String::new(), false);
    let mut id = String::new();
    wire.get_mut().write_all(b"220 mail.example\r\n").await?;
    loop {
        line.clear();
        if wire.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let reply = match line.trim_end() {
            "." => {
                in_text = false;
                log.enter(&id);
                if to.contains("lost@") {
                    return Ok(());
                }
                "250 queued"
            }
            text if in_text => {
                if let Some(text) = text.strip_prefix("Message-ID: ") {
                    id = text.to_owned();
                }
                continue;
            }
            "DATA" => {
                in_text = true;
                "354 go on"
            }
            "QUIT" => "221 bye",
            rcpt if rcpt.starts_with("RCPT TO:<nobody@") => "550 5.1.1 no such user",
            rcpt if rcpt.starts_with("RCPT") => {
                to = rcpt.to_owned();
                "250 ok"
            }
            _ => "250 ok",
        };
        wire.get_mut().write_all(format!("{reply}\r\n").as_bytes()).await?;
    }
}
