//! Several servers in the URL: the one that takes writes is found, again after each fail-over.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

mod common;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use orch_core::store::{Claimed, RenewParams, Renewed, Store, StoreError};
use orch_core::words::Confirmation;
use orch_postgres::PostgresStore;
use orch_testkit::fixture::{acceptance, claim_params, owner, policy, sweep_params};
use tokio::net::TcpStream;
use tokio::sync::watch;

use common::cluster::Cluster;
use common::load::patiently;
use common::{connect, execute, number};

/// From the promotion to the first success.
const RESUMES_WITHIN: Duration = Duration::from_secs(2);

/// A URL with these servers.
fn url_of(hosts: &[&str], more: &str) -> String {
    format!("postgres://postgres@{}/postgres?sslmode=disable{more}", hosts.join(","))
}

/// What would not come without several servers.
async fn in_time<T>(waiting: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it waits for ever")
}

async fn opened(url: &str) -> PostgresStore {
    in_time(PostgresStore::open(url)).await.unwrap()
}

async fn accepts(store: &PostgresStore, key: &str) {
    let item = acceptance(key);
    in_time(patiently(|| store.accept(vec![item.clone()]))).await;
}

/// Returns when the standby has all that the primary has committed.
async fn caught_up(primary: &Cluster, standby: &Cluster) {
    let mut primary = connect(&primary.url()).await;
    let mut standby = connect(&standby.url()).await;
    let end = number(&mut primary, "SELECT (pg_current_wal_lsn() - '0/0')::int8").await;
    let at = "SELECT (pg_last_wal_replay_lsn() - '0/0')::int8";
    while number(&mut standby, at).await < end {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn claims(store: &PostgresStore) -> Vec<Claimed> {
    in_time(patiently(|| store.claim(claim_params([policy()])))).await
}

async fn is_renewed(store: &PostgresStore, claimed: &Claimed) -> bool {
    let Claimed::Operation(claimed) = claimed else { panic!("{claimed:?}") };
    let params = RenewParams { claims: vec![claimed.claim()], lease: Duration::from_secs(30) };
    let renewed = in_time(patiently(|| store.renew(params.clone()))).await;
    matches!(renewed[..], [Renewed::Renewed { .. }])
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_promotion_work_goes_on_within_two_seconds() {
    let [primary, standby] = Cluster::start_pair();
    let store = opened(&url_of(&[&primary.host(), &standby.host()], "")).await;
    store.accept(vec![acceptance("before")]).await.unwrap();
    let held = claims(&store).await;
    assert!(is_renewed(&store, &held[0]).await);
    caught_up(&primary, &standby).await;
    primary.crash();
    let error = store.accept(vec![acceptance("between")]).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("it is a standby"), "{error}");

    let promoting = tokio::task::spawn_blocking(move || {
        standby.promote();
        standby
    });
    let began = Instant::now();
    accepts(&store, "after").await;
    let accepted = began.elapsed();
    // The promoted server is another incarnation: what is there is in doubt first.
    assert_eq!(claims(&store).await, []);
    let params = || sweep_params([policy()]);
    assert_eq!(patiently(|| store.sweep_earlier(params())).await.len(), 1);
    assert_eq!(claims(&store).await.len(), 1);
    let claimed = began.elapsed();
    assert!(is_renewed(&store, &held[0]).await);
    println!("first accept after {accepted:?}, first claim after {claimed:?}");
    assert!(claimed <= RESUMES_WITHIN, "{accepted:?}, {claimed:?}");
    drop(promoting.await);
}

/// The notice of work comes over a connection that nothing else would miss.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_work_is_woken_after_a_promotion() {
    let [primary, standby] = Cluster::start_pair();
    let url = url_of(&[&primary.host(), &standby.host()], "");
    let (other, waits) = (opened(&url).await, opened(&url).await);
    waits.wait_for_work(Duration::from_millis(50)).await;
    caught_up(&primary, &standby).await;
    // The old primary stays up; its sessions may not write any more.
    let mut admin = connect(&primary.url()).await;
    let demote = "ALTER SYSTEM SET default_transaction_read_only = on";
    execute(&mut admin, demote).await;
    execute(&mut admin, "SELECT pg_reload_conf()").await;
    standby.promote();
    // Its other connection has found the new one: the listener leaves the old one too.
    accepts(&waits, "one").await;
    let mut moved = connect(&standby.url()).await;
    let listens = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
    let began = Instant::now();
    while number(&mut moved, listens).await == 0 {
        assert!(began.elapsed() < Duration::from_secs(5), "nobody listens at the new primary");
        waits.wait_for_work(Duration::from_millis(50)).await;
    }
    waits.wait_for_work(Duration::from_millis(50)).await;
    let began = Instant::now();
    let waiting = waits.wait_for_work(Duration::from_secs(20));
    tokio::join!(waiting, accepts(&other, "two"));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

/// Its sessions stay open, so nothing but the refusal tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_becomes_read_only_is_left() {
    let [primary, standby] = Cluster::start_pair();
    let store = opened(&url_of(&[&primary.host(), &standby.host()], "")).await;
    store.accept(vec![acceptance("before")]).await.unwrap();
    caught_up(&primary, &standby).await;
    let mut admin = connect(&primary.url()).await;
    execute(&mut admin, "ALTER SYSTEM SET default_transaction_read_only = on").await;
    execute(&mut admin, "SELECT pg_reload_conf()").await;
    standby.promote();
    let began = Instant::now();
    accepts(&store, "after").await;
    assert!(began.elapsed() <= RESUMES_WITHIN, "{:?}", began.elapsed());
    let mut new = connect(&standby.url()).await;
    assert_eq!(number(&mut new, "SELECT count(*) FROM orch_operation").await, 2);
}

/// The old primary stays up, and only its new sessions are read-only: one pool of the store has
/// found the new primary, the other one holds a session that still writes to the old one.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_at_a_server_that_others_have_left_is_not_used() {
    let [primary, standby] = Cluster::start_pair();
    let store = opened(&url_of(&[&primary.host(), &standby.host()], "")).await;
    accepts(&store, "before").await;
    let held = claims(&store).await;
    assert!(is_renewed(&store, &held[0]).await);
    caught_up(&primary, &standby).await;
    standby.promote();
    let mut admin = connect(&primary.url()).await;
    let close = "ALTER DATABASE postgres SET default_transaction_read_only = on";
    execute(&mut admin, close).await;
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
          AND query NOT LIKE '-- Purpose: moves the ends of leases%'";
    assert!(number(&mut admin, end).await > 0);
    accepts(&store, "after").await;
    let mut new = connect(&standby.url()).await;
    execute(&mut new, "UPDATE orch_queue SET lease_expires_at = now() WHERE worker IS NOT NULL")
        .await;
    assert!(is_renewed(&store, &held[0]).await);
    let renewed = "SELECT count(*) FROM orch_queue WHERE lease_expires_at > now()";
    assert_eq!(number(&mut new, renewed).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_waits_until_one_of_them_is_promoted() {
    let [primary, standby] = Cluster::start_pair();
    primary.crash();
    let url = url_of(&[&primary.host(), &standby.host()], "");
    let opening = tokio::spawn(async move { PostgresStore::open(&url).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!opening.is_finished(), "a standby was taken");
    standby.promote();
    let store = in_time(opening).await.unwrap().unwrap();
    let item = acceptance("key");
    store.accept(vec![item.clone()]).await.unwrap();
    assert!(store.get(&owner(), item.op_id).await.unwrap().is_some());
}

/// A server that is cut off would cost a connect timeout, 10 s, for every connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_costs_a_moment() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().map(|address| (silent, address.to_string())).unwrap();
    let cluster = Cluster::start_new();
    let url = url_of(&[&silent.1, &cluster.host()], "");
    let began = Instant::now();
    let store = opened(&url).await;
    let first = began.elapsed();
    store.accept(vec![acceptance("key")]).await.unwrap();
    assert!(first < Duration::from_secs(2), "{first:?}");
}

#[tokio::test]
async fn a_refusal_by_every_server_ends_the_start() {
    let cluster = Cluster::start_new();
    let url = url_of(&[&cluster.host(), &cluster.host()], "").replace("/postgres?", "/missing?");
    let error = in_time(PostgresStore::open(&url)).await.unwrap_err();
    assert!(matches!(error, StoreError::Fatal(_)), "{error:?}");
    assert!(error.to_string().contains("\"missing\" does not exist"), "{error}");
}

/// The host of the primary is gone: its sessions stay open, and no answer comes over them.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_gone_without_a_word_is_left() {
    let [primary, standby] = Cluster::start_pair();
    let line = Line::to(&primary).await;
    let store = opened(&url_of(&[&line.host, &standby.host()], "")).await;
    accepts(&store, "before").await;
    caught_up(&primary, &standby).await;
    line.gone.send_replace(true);
    let item = acceptance("after");
    let began = Instant::now();
    let promoting = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        tokio::task::spawn_blocking(move || {
            standby.promote();
            standby
        })
        .await
    };
    // 30 s without another server.
    let accepting = in_time(patiently(|| store.accept(vec![item.clone()])));
    let (standby, _) = tokio::join!(promoting, accepting);
    let resumed = began.elapsed() - Duration::from_millis(1_500);
    println!("first accept after {resumed:?}");
    assert!(resumed <= RESUMES_WITHIN, "{resumed:?}");
    drop(standby);
}

/// A way to a server, over which nothing comes any more once it is gone.
struct Line {
    host: String,
    gone: watch::Sender<bool>,
}

impl Line {
    async fn to(server: &Cluster) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (host, to) = (listener.local_addr().unwrap().to_string(), server.host());
        let gone = watch::Sender::new(false);
        let line = Self { host, gone: gone.clone() };
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (to, mut gone) = (to.clone(), gone.subscribe());
                tokio::spawn(async move {
                    let forwarding = async {
                        let mut server = TcpStream::connect(to).await.unwrap();
                        tokio::io::copy_bidirectional(&mut client, &mut server).await
                    };
                    tokio::select! {
                        biased;
                        _ = gone.wait_for(|gone| *gone) => {}
                        _ = forwarding => return,
                    }
                    // Still open, as the client sees it.
                    std::future::pending::<()>().await;
                });
            }
        });
        line
    }
}

/// sqlx keeps the brackets, and looks the name up.
#[tokio::test]
async fn an_ipv6_address_is_one() {
    let Ok(listener) = tokio::net::TcpListener::bind("[::1]:0").await else { return };
    let port = listener.local_addr().unwrap().port();
    let url = format!("postgres://postgres@[::1]:{port}/postgres");
    let opening = tokio::spawn(async move { PostgresStore::open(&url).await });
    in_time(listener.accept()).await.unwrap();
    opening.abort();
}

/// A synchronous standby has everything that was committed, and the URL says so beforehand.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_synchronous_standby_work_can_go_on_without_a_confirmation() {
    let [primary, standby] = Cluster::start_pair();
    let mut admin = connect(&primary.url()).await;
    execute(&mut admin, "ALTER SYSTEM SET synchronous_standby_names = '*'").await;
    execute(&mut admin, "SELECT pg_reload_conf()").await;
    let is_sync = "SELECT count(*) FROM pg_stat_replication WHERE sync_state <> 'async'";
    while number(&mut admin, is_sync).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let more = "&orch_require_sync=true&orch_on_failover=continue";
    let store = opened(&url_of(&[&primary.host(), &standby.host()], more)).await;
    store.accept(vec![acceptance("before")]).await.unwrap();
    primary.crash();
    standby.promote();
    // It has no standby of its own yet, and would wait for one.
    let mut admin = connect(&standby.url()).await;
    execute(&mut admin, "ALTER SYSTEM RESET synchronous_standby_names").await;
    execute(&mut admin, "SELECT pg_reload_conf()").await;
    let unsafely = || claim_params([policy()]);
    assert_eq!(in_time(patiently(|| store.claim(unsafely()))).await, [], "it notices");
    assert_eq!(in_time(patiently(|| store.claim(unsafely()))).await.len(), 1);
    let incarnation = store.incarnation().await.unwrap();
    assert_eq!((incarnation.number, incarnation.whole_since), (2, 1));
    assert_eq!(incarnation.confirmed_as, Some(Confirmation::Moved));
}
