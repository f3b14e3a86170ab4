//! A proxy in front of Postgres that loses replies and requests exactly around a commit.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use orch_lab::process::word;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::plan::Fault;
use crate::wire::{Class, Frames, Reply, Trips};

/// How long to wait for a commit of the class wanted, and then for any.
const PATIENCE: Duration = Duration::from_secs(2);

/// Listens for workers and clients.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: u16,
    armed: Mutex<Vec<Armed>>,
    /// By fault and class.
    struck: Mutex<BTreeMap<String, u64>>,
}

/// A fault that waits for its commit.
#[derive(Debug)]
struct Armed {
    fault: Fault,
    /// `None`: any.
    class: Option<Class>,
    done: oneshot::Sender<()>,
}

impl Proxy {
    /// Starts, in front of the server on this port.
    pub(crate) async fn start(server: u16) -> crate::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared { server, armed: Mutex::default(), struck: Mutex::default() });
        let proxy = Self { port, shared: Arc::clone(&shared) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    // An error is one side going away, which is what takes the other one away.
                    let _ = shared.connect(client).await;
                });
            }
        });
        Ok(proxy)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Strikes the next round trip of this class, or after a while any. False if none came.
    pub(crate) async fn strike(&self, fault: Fault, class: Class) -> bool {
        for class in [Some(class), None] {
            let (done, struck) = oneshot::channel();
            self.shared.armed().push(Armed { fault, class, done });
            if tokio::time::timeout(PATIENCE, struck).await.is_ok_and(|struck| struck.is_ok()) {
                return true;
            }
            self.shared.armed().retain(|armed| !armed.done.is_closed());
        }
        false
    }

    /// How often each fault struck, by fault and class.
    pub(crate) fn struck(&self) -> BTreeMap<String, u64> {
        self.shared.struck.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    fn armed(&self) -> MutexGuard<'_, Vec<Armed>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault that is waiting for a round trip of this class.
    fn take(&self, class: Class) -> Option<Armed> {
        let mut armed = self.armed();
        let place = armed.iter().position(|armed| {
            let certain = armed.fault != Fault::CutBefore || class.surely_writes();
            class != Class::Other && certain && armed.class.is_none_or(|wanted| wanted == class)
        })?;
        Some(armed.swap_remove(place))
    }

    fn done(&self, armed: Armed, class: Class) {
        let mut struck = self.struck.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("{}_{}", armed.fault.name(), word(&class));
        *struck.entry(name).or_default() += 1;
        drop(struck);
        // Whoever planned it may have given up.
        let _ = armed.done.send(());
    }

    /// Serves one connection until either side, or a fault, ends it.
    async fn connect(&self, mut client: TcpStream) -> std::io::Result<()> {
        let mut server = TcpStream::connect(("127.0.0.1", self.server)).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (mut from_client, mut from_server) = (Frames::default(), Frames::default());
        let (mut trips, mut greeted) = (Trips::default(), false);
        let mut withheld: Option<(Armed, Class, Reply)> = None;
        loop {
            tokio::select! {
                read = client.read_buf(&mut from_client.bytes) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    while let Some(message) = from_client.next(greeted) {
                        if !greeted {
                            greeted = true;
                            server.write_all(&message).await?;
                            continue;
                        }
                        let Some((class, trip)) = trips.take(&message) else { continue };
                        let armed = self.take(class);
                        if let Some(armed) = armed {
                            if armed.fault == Fault::CutBefore {
                                self.done(armed, class);
                                return Ok(());
                            }
                            withheld = Some((armed, class, Reply::default()));
                        }
                        server.write_all(&trip).await?;
                    }
                }
                read = server.read_buf(&mut from_server.bytes) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    let Some((armed, class, mut reply)) = withheld.take() else {
                        client.write_all(&from_server.bytes).await?;
                        from_server.bytes.clear();
                        continue;
                    };
                    let mut ended = false;
                    while !ended && let Some(message) = from_server.next(true) {
                        ended = reply.take(&message);
                    }
                    if !ended {
                        withheld = Some((armed, class, reply));
                    } else if !reply.committed() {
                        // Nothing was committed, so there is nothing to be in doubt about.
                        client.write_all(&reply.bytes).await?;
                        self.armed().push(armed);
                    } else if armed.fault == Fault::Swallow {
                        self.done(armed, class);
                        return until_gone(client).await;
                    } else {
                        self.done(armed, class);
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// Says nothing, on a connection that stays open until the client gives it up.
async fn until_gone(mut client: TcpStream) -> std::io::Result<()> {
    let mut ignored = Vec::with_capacity(4096);
    while client.read_buf(&mut ignored).await? > 0 {
        ignored.clear();
    }
    Ok(())
}
