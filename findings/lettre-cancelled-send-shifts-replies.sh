#!/bin/sh
# lettre 0.11.23, asynchronous, with its pool, which is a default.
#
# A send is cancelled while it waits for the reply to its mail, as by `tokio::time::timeout`. One would guess that its
# connection is closed. It goes back to the pool as it is, and the next mail reads replies that are one behind:
# its own is never read. A mail that the server has refused is `Ok`, with the reply to `DATA`.
#
# Seen: pool: Ok, code 354; a connection a mail: Err, 550
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p src
cat >Cargo.toml <<'TOML'
[package]
name = "shown"
version = "0.0.0"
edition = "2024"

[dependencies]
lettre = { version = "=0.11.23", default-features = false, features = ["builder", "pool", "smtp-transport", "tokio1"] }
tokio = { version = "=1.54.1", features = ["io-util", "macros", "net", "rt", "time"] }
TOML
cat >src/main.rs <<'RUST'
use std::time::Duration;

use lettre::transport::smtp::PoolConfig;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

const LATE: Duration = Duration::from_millis(400);

/// Takes the first mail, late; refuses the second.
async fn serve(socket: TcpStream) -> std::io::Result<()> {
    let mut wire = BufReader::new(socket);
    let (mut line, mut in_text, mut subject) = (String::new(), false, String::new());
    wire.get_mut().write_all(b"220 mail.example\r\n").await?;
    loop {
        line.clear();
        if wire.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let reply: &[u8] = match line.trim_end() {
            "." => {
                in_text = false;
                if subject.ends_with('1') {
                    sleep(LATE).await;
                    b"250 queued\r\n"
                } else {
                    b"550 refused\r\n"
                }
            }
            text if in_text => {
                if text.starts_with("Subject") {
                    subject = text.to_owned();
                }
                continue;
            }
            "DATA" => {
                in_text = true;
                b"354 go on\r\n"
            }
            _ => b"250 ok\r\n",
        };
        wire.get_mut().write_all(reply).await?;
    }
}

fn mail(subject: &str) -> Message {
    let mail = Message::builder().from("a@shop.example".parse().unwrap());
    let mail = mail.to("b@home.example".parse().unwrap()).subject(subject);
    mail.body("text".to_owned()).unwrap()
}

async fn tried(pool: PoolConfig) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket));
        }
    });
    let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1").port(port);
    let mailer: AsyncSmtpTransport<Tokio1Executor> = builder.pool_config(pool).build();
    assert!(timeout(LATE / 4, mailer.send(mail("1"))).await.is_err());
    sleep(LATE / 4).await;
    match mailer.send(mail("2")).await {
        Ok(reply) => format!("Ok, code {}", reply.code()),
        Err(error) => format!("Err, {}", error.status().map_or_else(String::new, |it| it.to_string())),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let pool = tried(PoolConfig::new()).await;
    println!("pool: {pool}; a connection a mail: {}", tried(PoolConfig::new().max_size(0)).await);
}
RUST
cargo build --quiet
seen=$(target/debug/shown)
echo "$seen"
[ "$seen" = "pool: Ok, code 354; a connection a mail: Err, 550" ]
