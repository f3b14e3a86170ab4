//! An SMTP server on a real socket that does what a test tells it, mail by mail, and keeps what arrives.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A place in the conversation about one mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Connection,
    Ehlo,
    Mail,
    /// The recipient of this number, from 0.
    Rcpt(usize),
    Data,
    /// In the middle of the mail's text.
    Text,
    /// The text is whole, and its final dot is read.
    Dot,
    Quit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Says this instead.
    Says(&'static str),
    /// Says this, and then nothing more, whatever it is told.
    SaysLast(&'static str),
    /// Closes the connection without a word. After the final dot it has acted.
    HangsUp,
    /// The same with a reset.
    Resets,
    /// Says nothing. After the final dot it has acted.
    Silent,
}

/// A mail whose text has arrived whole.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) to: Vec<String>,
    pub(crate) text: String,
    /// Whether the server took it.
    pub(crate) accepted: bool,
}

impl Mail {
    pub(crate) fn message_id(&self) -> &str {
        let line = self.text.lines().find_map(|line| line.strip_prefix("Message-ID: "));
        line.unwrap_or_default()
    }
}

pub(crate) struct SmtpServer {
    address: SocketAddr,
    books: Arc<Mutex<Books>>,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Books {
    /// What the next mails meet with, the first first.
    script: Vec<Option<(At, Fault)>>,
    mails: Vec<Mail>,
    connections: usize,
}

/// Whether the reply to a mail is sent yet.
type Gate = tokio::sync::watch::Sender<bool>;

impl SmtpServer {
    /// With a fault, or none, for each of the first mails; what comes after them is accepted.
    pub(crate) async fn start(script: impl IntoIterator<Item = Option<(At, Fault)>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let books = Books { script: script.into_iter().collect(), ..Books::default() };
        let books = Arc::new(Mutex::new(books));
        let gate = Arc::new(Gate::new(true));
        let (shared, gated) = (Arc::clone(&books), Arc::clone(&gate));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                shared.lock().unwrap().connections += 1;
                let (books, gate) = (Arc::clone(&shared), Arc::clone(&gated));
                tokio::spawn(async move {
                    // What breaks on the way is what tests are made of.
                    let _ = serve(socket, &books, &gate).await;
                });
            }
        });
        Self { address, books, gate }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the reply to a mail waits.
    pub(crate) fn answers_late(&self) {
        self.gate.send_replace(false);
    }

    /// No longer.
    pub(crate) fn answers(&self) {
        self.gate.send_replace(true);
    }

    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.books.lock().unwrap().mails.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.books.lock().unwrap().connections
    }

    /// How many whole mails have arrived, and how many it took.
    pub(crate) fn seen(&self) -> (usize, usize) {
        let mails = self.mails();
        (mails.len(), mails.iter().filter(|mail| mail.accepted).count())
    }
}

type Ends = std::io::Result<()>;

async fn serve(socket: TcpStream, books: &Mutex<Books>, gate: &Gate) -> Ends {
    let mut conversation = Conversation { wire: BufReader::new(socket), books, gate, fault: None };
    conversation.fault = books.lock().unwrap().script.first().copied().flatten();
    if !conversation.reply(At::Connection, "220 mail.example").await? {
        return Ok(());
    }
    let (mut to, mut line) = (Vec::new(), String::new());
    while conversation.read(&mut line).await? {
        let (place, reply) = match line.get(..4).unwrap_or_default() {
            "EHLO" => (At::Ehlo, "250 mail.example"),
            "MAIL" => {
                conversation.next_mail();
                to.clear();
                (At::Mail, "250 ok")
            }
            "RCPT" => {
                to.push(line.trim().to_owned());
                (At::Rcpt(to.len() - 1), "250 ok")
            }
            "DATA" => (At::Data, "354 go on"),
            "QUIT" => (At::Quit, "221 bye"),
            _ => (At::Connection, "250 ok"),
        };
        if place == At::Connection {
            conversation.say("250 ok").await?;
        } else if !conversation.reply(place, reply).await? {
            return Ok(());
        }
        let goes_on = match place {
            At::Quit => false,
            At::Data if conversation.fault.is_none_or(|(at, _)| at != At::Data) => {
                conversation.take(std::mem::take(&mut to)).await?
            }
            _ => true,
        };
        if !goes_on {
            return Ok(());
        }
    }
    Ok(())
}

struct Conversation<'a> {
    wire: BufReader<TcpStream>,
    books: &'a Mutex<Books>,
    gate: &'a Gate,
    fault: Option<(At, Fault)>,
}

impl Conversation<'_> {
    /// What the next mail meets with.
    fn next_mail(&mut self) {
        let mut books = self.books.lock().unwrap();
        self.fault = if books.script.is_empty() { None } else { books.script.remove(0) };
    }

    async fn read(&mut self, line: &mut String) -> std::io::Result<bool> {
        line.clear();
        Ok(self.wire.read_line(line).await? > 0)
    }

    async fn say(&mut self, reply: &str) -> Ends {
        self.wire.get_mut().write_all(format!("{reply}\r\n").as_bytes()).await
    }

    /// Says what belongs here, or does what the script says. False if the conversation is over.
    async fn reply(&mut self, place: At, reply: &str) -> std::io::Result<bool> {
        let before_any_mail = matches!(place, At::Connection | At::Ehlo);
        if before_any_mail && self.fault.is_some_and(|(at, _)| at == place) {
            let fault = self.fault;
            self.next_mail();
            self.fault = fault;
        }
        match self.fault.filter(|(at, _)| *at == place) {
            None => self.say(reply).await?,
            Some((_, Fault::Says(other))) => self.say(other).await?,
            Some((_, Fault::SaysLast(other))) => {
                self.say(other).await?;
                std::future::pending().await
            }
            Some((_, Fault::Silent)) => {}
            Some((_, Fault::HangsUp)) => return Ok(false),
            Some((_, Fault::Resets)) => {
                self.wire.get_ref().set_zero_linger()?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The text, up to the final dot. False if the conversation is over.
    async fn take(&mut self, to: Vec<String>) -> std::io::Result<bool> {
        let (mut text, mut line) = (String::new(), String::new());
        loop {
            if !self.read(&mut line).await? {
                return Ok(false);
            }
            if self.fault.is_some_and(|(at, _)| at == At::Text) {
                return self.reply(At::Text, "").await;
            }
            if line == ".\r\n" {
                break;
            }
            text.push_str(&line);
        }
        let refused = matches!(self.fault, Some((At::Dot, Fault::Says(reply))) if reply.starts_with(['4', '5']));
        self.books.lock().unwrap().mails.push(Mail { to, text, accepted: !refused });
        let _ = self.gate.subscribe().wait_for(|open| *open).await;
        self.reply(At::Dot, "250 queued").await
    }
}
