//! Several servers in one URL, and which of them takes writes.
//!
//! ```text
//!   postgres://user:password@one:5432,two:5433/db?target_session_attrs=read-write
//! ```
//!
//! The form is libpq's; sqlx knows neither the list nor the parameter. A connection goes to the
//! server that took writes last. If it fails, or says nothing for [`HEAD_START`], the next one is
//! tried beside it: a server that is cut off costs 0.2 s, not the 10 s of a connect timeout. Each is
//! asked whether it takes writes, and the first that does is taken.
//!
//! A host can disappear while its sessions stay open; then no answer comes. When a statement takes longer
//! than a second, the store asks over new connections which server takes writes. If it is another
//! one, the statement is given up.
//!
//! This finds the primary. It does not fence the old one: while two servers take writes, a process can
//! be at either of them.

use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use orch_core::store::{StoreError, monotonic};
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::sync::{Mutex, watch};

use crate::column::column;
use crate::connect::connect;
use crate::errors::store_error;

/// How long a server is tried alone, before the next one is tried beside it.
const HEAD_START: Duration = Duration::from_millis(200);

/// Before a server that takes no writes is asked again, while another one has not answered yet.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// How long a statement may take before its server is suspected: then it is asked, or another one,
/// over a new connection. Doubled each time, since most often the statement just takes long.
const SUSPECT_AFTER: Duration = Duration::from_secs(1);

const PARAMETER: &str = "target_session_attrs";

const UNREADABLE: &str = "the database URL cannot be read; write \
postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %-escapes for special characters, and several \
servers as HOST:PORT,HOST:PORT";

const ASK: &str = "
    SELECT pg_is_in_recovery() AS standby,
           current_setting('transaction_read_only') = 'on' AS read_only";

/// Which servers will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// All: nothing is asked.
    Any,
    /// One whose sessions may write.
    ReadWrite,
    /// One that is no standby.
    Primary,
}

/// The servers of a URL. Clones share the memory of which one took writes last.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    all: Vec<PgConnectOptions>,
    wanted: Wanted,
    current: Arc<watch::Sender<Place>>,
    /// Held by the one statement that asks for all.
    asks: Arc<Mutex<()>>,
}

/// The place of a server in the URL.
pub(crate) type Place = usize;

impl Hosts {
    /// Reads the servers of a URL; `parameters` are those that are not ours. Without
    /// `target_session_attrs` a single server is asked nothing, and of several one is wanted that
    /// takes writes.
    ///
    /// # Errors
    /// [`StoreError::Fatal`]; the URL is never repeated, it may hold a password.
    pub(crate) fn parse(base: &str, parameters: &[&str]) -> Result<Self, StoreError> {
        let (asked, others): (Vec<&str>, Vec<&str>) =
            parameters.iter().partition(|parameter| name_of(parameter) == PARAMETER);
        let (head, list, tail) = split(base).ok_or_else(|| StoreError::fatal(UNREADABLE))?;
        let named: Vec<&str> = list.split(',').collect();
        check_parameters(&others, named.len() > 1)?;
        let query =
            if others.is_empty() { String::new() } else { format!("?{}", others.join("&")) };
        let read = |host: &&str| {
            check_host(host, named.len() > 1)?;
            let options = PgConnectOptions::from_str(&format!("{head}{host}{tail}{query}"))
                .map_err(|_| StoreError::fatal(UNREADABLE))?
                .disable_statement_logging();
            // sqlx leaves the brackets on, and then looks the name up.
            Ok(match address_in(host) {
                Some(address) => options.host(address),
                None => options,
            })
        };
        let all = named.iter().map(read).collect::<Result<Vec<_>, StoreError>>()?;
        let default = if all.len() > 1 { Wanted::ReadWrite } else { Wanted::Any };
        let wanted = asked.iter().try_fold(default, |_, parameter| Wanted::parse(parameter))?;
        Ok(Self { all, wanted, current: Arc::new(watch::Sender::new(0)), asks: Arc::default() })
    }

    /// The same servers with other options.
    pub(crate) fn map(mut self, change: impl Fn(PgConnectOptions) -> PgConnectOptions) -> Self {
        self.all = self.all.into_iter().map(change).collect();
        self
    }

    /// True if new connections go to this one: it took writes when it was last asked.
    pub(crate) fn is_current(&self, place: Place) -> bool {
        *self.current.borrow() == place
    }

    /// Returns when new connections go to another server than this one, where a statement is under
    /// way. A host can be gone without a word: its sessions stay open, and the answer never comes.
    pub(crate) async fn until_left(&self, place: Place, limit: Duration) {
        if self.is_one() {
            return std::future::pending().await;
        }
        let mut current = self.current.subscribe();
        tokio::select! {
            // The sender lives as long as this.
            _ = current.wait_for(|now| *now != place) => {}
            () = self.suspect(limit) => {}
        }
    }

    /// Looks for the server that takes writes, again and again.
    async fn suspect(&self, limit: Duration) {
        let mut pause = SUSPECT_AFTER;
        loop {
            monotonic::sleep(pause).await;
            if let Ok(_one) = self.asks.try_lock() {
                // What it finds is noted; what it fails with, the statement will meet.
                let _ = monotonic::timeout(limit, self.connect()).await;
            }
            pause *= 2;
        }
    }

    /// How to connect to it.
    pub(crate) fn options(&self, place: Place) -> Option<&PgConnectOptions> {
        self.all.get(place)
    }

    /// True if connecting asks nothing, so that a second connection to the server is not preceded
    /// by a look at which one it is.
    pub(crate) fn is_one(&self) -> bool {
        self.all.len() == 1
    }

    /// Connects to the first server that will do. It may take for ever if one of them does not
    /// answer: the caller limits the wait.
    ///
    /// # Errors
    /// [`StoreError::Fatal`] if every server refuses, [`StoreError::Transient`] if one of them is
    /// away or takes no writes now.
    pub(crate) async fn connect(&self) -> Result<(Place, PgConnection), StoreError> {
        let first = *self.current.borrow();
        if let ([only], Wanted::Any) = (&self.all[..], self.wanted) {
            return Ok((0, connect(only).await?));
        }
        let mut untried = (0..self.all.len()).map(|n| (first + n) % self.all.len());
        let mut trying = FuturesUnordered::new();
        let mut errors: Vec<Option<StoreError>> = self.all.iter().map(|_| None).collect();
        trying.extend(untried.next().map(|place| self.later(Duration::ZERO, place)));
        loop {
            let asked = tokio::select! {
                Some(asked) = trying.next() => asked,
                () = monotonic::sleep(HEAD_START), if untried.len() > 0 => {
                    trying.extend(untried.next().map(|place| self.later(Duration::ZERO, place)));
                    continue;
                }
                else => return Err(self.none_will_do(errors)),
            };
            match asked {
                (place, Ok(connection)) => {
                    if self.current.send_replace(place) != place {
                        tracing::info!(host = self.name(place), "connected to another server");
                    }
                    return Ok((place, connection));
                }
                (place, Err(error)) => {
                    if let Some(answer) = errors.get_mut(place) {
                        *answer = Some(error);
                    }
                    match untried.next() {
                        Some(next) => trying.push(self.later(Duration::ZERO, next)),
                        // Another one keeps silent. This one may be promoted meanwhile.
                        None if errors.iter().any(Option::is_none) => {
                            trying.push(self.later(ASK_AGAIN, place));
                        }
                        None => return Err(self.none_will_do(errors)),
                    }
                }
            }
        }
    }

    /// Tries one server after a pause.
    fn later(&self, pause: Duration, place: Place) -> Trying<'_> {
        Box::pin(async move {
            if !pause.is_zero() {
                monotonic::sleep(pause).await;
            }
            (place, self.try_one(place).await)
        })
    }

    async fn try_one(&self, place: Place) -> Result<PgConnection, StoreError> {
        let options = self.options(place).ok_or_else(|| StoreError::fatal(UNREADABLE))?;
        let mut connection = connect(options).await?;
        if self.wanted != Wanted::Any {
            self.wanted.check(&mut connection).await?;
        }
        Ok(connection)
    }

    /// What each of them said. It passes unless all of them refuse for good.
    fn none_will_do(&self, errors: Vec<Option<StoreError>>) -> StoreError {
        let is_lasting = !errors.iter().flatten().any(StoreError::is_transient);
        let mut errors: Vec<(Place, StoreError)> =
            errors.into_iter().enumerate().filter_map(|(n, error)| Some((n, error?))).collect();
        if errors.len() == 1
            && let Some((_, error)) = errors.pop()
        {
            return error;
        }
        let said = errors.iter().map(|(place, error)| format!("{}: {error}", self.name(*place)));
        let said = said.collect::<Vec<_>>().join("; ");
        if is_lasting {
            StoreError::fatal(format!("every server of the URL refuses: {said}"))
        } else {
            StoreError::transient(format!("no server of the URL takes writes: {said}"))
        }
    }

    fn name(&self, place: Place) -> String {
        let name =
            |options: &PgConnectOptions| format!("{}:{}", options.get_host(), options.get_port());
        self.options(place).map(name).unwrap_or_default()
    }
}

/// An attempt at one server.
type Trying<'a> =
    Pin<Box<dyn Future<Output = (Place, Result<PgConnection, StoreError>)> + Send + 'a>>;

impl Wanted {
    fn parse(parameter: &str) -> Result<Self, StoreError> {
        match parameter.split_once('=') {
            Some((_, "any")) => Ok(Self::Any),
            Some((_, "read-write")) => Ok(Self::ReadWrite),
            Some((_, "primary")) => Ok(Self::Primary),
            _ => Err(StoreError::fatal(format!(
                "{PARAMETER} is none of any, read-write, primary: orch writes on every connection"
            ))),
        }
    }

    /// Asks the server, in one round trip.
    async fn check(self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let row = sqlx::raw_sql(ASK).fetch_one(connection).await.map_err(store_error)?;
        let flag = |name| column::<bool>(&row, name).map_err(StoreError::fatal);
        if flag("standby")? {
            return Err(StoreError::transient(
                "it is a standby, and takes no writes until promoted",
            ));
        }
        if self == Self::ReadWrite && flag("read_only")? {
            return Err(StoreError::transient(
                "it is read-only by a setting (default_transaction_read_only)",
            ));
        }
        Ok(())
    }
}

fn name_of(parameter: &str) -> &str {
    parameter.split_once('=').map_or(parameter, |(name, _)| name)
}

/// What comes before the servers, the servers, and what comes after them.
fn split(base: &str) -> Option<(&str, &str, &str)> {
    let authority = base.find("://")? + 3;
    let end = base[authority..].find('/').map_or(base.len(), |at| authority + at);
    let hosts = base[authority..end].rfind('@').map_or(authority, |at| authority + at + 1);
    Some((&base[..hosts], &base[hosts..end], &base[end..]))
}

/// Servers are listed in one place. As parameters, sqlx would take a list for one name.
fn check_parameters(parameters: &[&str], several: bool) -> Result<(), StoreError> {
    for parameter in parameters {
        let name = name_of(parameter);
        let is_list = parameter.contains(',') || parameter.contains("%2C");
        if matches!(name, "host" | "hostaddr" | "port") && (several || is_list) {
            return Err(StoreError::fatal(format!(
                "the parameter {name} and several servers do not go together; write them as \
                 HOST:PORT,HOST:PORT before the database"
            )));
        }
    }
    Ok(())
}

/// In a list each server has to be given; alone, none is the default one.
fn check_host(host: &str, several: bool) -> Result<(), StoreError> {
    let wrong = |rule: &str| Err(StoreError::fatal(format!("a server of the database URL {rule}")));
    let (name, port) = match host.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((address, rest))) => match rest.strip_prefix(':') {
            None if !rest.is_empty() => return wrong("has something else than a port after ]"),
            port => (address, port),
        },
        Some(None) => return wrong("has [ without ]"),
        None => match host.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return wrong("is an IPv6 address without brackets; write [ADDRESS]:PORT");
            }
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        },
    };
    if name.is_empty() && several {
        return wrong("is empty; write HOST:PORT,HOST:PORT");
    }
    if port.is_some_and(|port| port.parse::<u16>().unwrap_or(0) == 0) {
        return wrong("has a port that is not a number between 1 and 65535");
    }
    Ok(())
}

/// The IPv6 address of a server that is written as one.
fn address_in(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.split_once(']').map(|(address, _)| address)
}

#[cfg(test)]
mod tests;
