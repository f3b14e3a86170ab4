//! What happens to a database happens to this one.
#![allow(missing_docs, clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "a test goes by real time")]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use orch_core::store::{Admitted, Claimed, RenewParams, Renewed, Store};
use orch_core::words::Status;
use orch_postgres::PostgresStore;
use orch_testkit::fixture::{acceptance, claim_params, owner, policy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use common::cluster::Cluster;
use common::load::survives;
use common::{Schema, connect, execute, number, server};

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_is_terminated_under_load() {
    let schema = Schema::create().await;
    let more = format!("&application_name={}", schema.name);
    let stores = [schema.store(&more).await, schema.store(&more).await];
    let mut admin = connect(&server()).await;
    let name = schema.name.clone();
    survives(stores.map(|store| Arc::new(store) as Arc<dyn Store>), 400, async {
        let mut terminated = 0;
        while terminated < 60 {
            let sql = format!(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                 WHERE application_name = '{name}'"
            );
            terminated += number(&mut admin, &sql).await;
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    })
    .await;
}

/// A way to the server on which connections can be made half open: what is sent arrives, and
/// nothing ever comes back.
struct Line {
    port: u16,
    cut_off: watch::Sender<u32>,
}

impl Line {
    async fn open() -> Self {
        Self::half_open(&[]).await
    }

    /// These connections, counted from one, are half open once they have logged in.
    async fn half_open(numbers: &'static [usize]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = server().parse::<sqlx::postgres::PgConnectOptions>().unwrap();
        let cut_off = watch::Sender::new(0);
        let line = Self { port, cut_off: cut_off.clone() };
        tokio::spawn(async move {
            let mut opened = 0;
            while let Ok((client, _)) = listener.accept().await {
                opened += 1;
                let only_login = numbers.contains(&opened);
                let address = (server.get_host().to_owned(), server.get_port());
                let server = TcpStream::connect(address).await.unwrap();
                let mut cut_off = cut_off.subscribe();
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                tokio::spawn(async move {
                    let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
                });
                tokio::spawn(async move {
                    if only_login {
                        forward_login(&mut from_server, &mut to_client).await;
                        std::future::pending::<()>().await;
                    }
                    tokio::select! {
                        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
                        _ = cut_off.changed() => std::future::pending().await,
                    }
                });
            }
        });
        line
    }

    async fn store(&self, schema: &Schema, more: &str) -> PostgresStore {
        let (server, rest) = schema.url(more).split_once('@').map(owned).unwrap();
        let (_, path) = rest.split_once('/').map(owned).unwrap();
        let url = format!("{server}@127.0.0.1:{}/{path}", self.port);
        PostgresStore::open(&url).await.unwrap()
    }

    /// Makes every connection that is open now half open.
    fn cut_off(&self) {
        self.cut_off.send_modify(|times| *times += 1);
    }
}

/// Forwards what the server says until it is ready for a query.
async fn forward_login(from_server: &mut OwnedReadHalf, to_client: &mut OwnedWriteHalf) {
    const READY: &[u8] = b"Z\0\0\0\x05I";
    let mut said = Vec::new();
    while !said.ends_with(READY) {
        from_server.read_buf(&mut said).await.unwrap();
    }
    to_client.write_all(&said).await.unwrap();
}

fn owned((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

/// Without a limit on the wait, an outcome behind such a connection was never stored, while its
/// lease was renewed for as long as the worker lived.
#[tokio::test]
async fn a_call_whose_answer_never_comes_is_given_up_and_may_be_repeated() {
    let schema = Schema::create().await;
    let line = Line::open().await;
    let store = line.store(&schema, "&orch_answer_ms=300").await;
    store.accept(vec![acceptance("before")]).await.unwrap();
    line.cut_off();
    let item = acceptance("after");
    let error = in_time(store.accept(vec![item.clone()])).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    let created = [Admitted::Created { op_id: item.op_id }];
    assert_eq!(store.accept(vec![item]).await.unwrap(), created);
}

/// Such a start hung, without a word in the log.
#[tokio::test]
async fn a_start_whose_questions_are_never_answered_asks_again() {
    let schema = Schema::create().await;
    schema.store("").await;
    // The question for the server's settings; and, of the second try, for the schema's version.
    let line = Line::half_open(&[1, 3]).await;
    let store = in_time(line.store(&schema, "&orch_answer_ms=300")).await;
    store.accept(vec![acceptance("key")]).await.unwrap();
}

/// Fails instead of hanging.
async fn in_time<T>(call: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(10);
    tokio::time::timeout(limit, call).await.expect("the call waits for ever")
}

/// Without a limit of its own, the first such renewal was also the worker's last.
#[tokio::test]
async fn a_renewal_whose_answer_never_comes_leaves_time_for_another_one() {
    let schema = Schema::create().await;
    let line = Line::open().await;
    let store = line.store(&schema, "").await;
    store.accept(vec![acceptance("key")]).await.unwrap();
    let claimed = store.claim(claim_params([policy()])).await.unwrap();
    let [Claimed::Operation(attempt)] = claimed.as_slice() else { panic!("{claimed:?}") };
    let lease = Duration::from_secs(3);
    let params = RenewParams { claims: vec![attempt.claim()], lease };
    store.renew(params.clone()).await.unwrap();
    line.cut_off();
    let asked_at = Instant::now();
    assert!(in_time(store.renew(params.clone())).await.unwrap_err().is_transient());
    let renewed = store.renew(params).await.unwrap();
    assert!(matches!(renewed[..], [Renewed::Renewed { .. }]), "{renewed:?}");
    assert!(asked_at.elapsed() < lease, "the lease had ended by then");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_crashes_and_restarts_under_load() {
    let cluster = Cluster::start_new();
    let stores = [
        PostgresStore::open(&cluster.url()).await.unwrap(),
        PostgresStore::open(&cluster.url()).await.unwrap(),
    ];
    survives(stores.map(|store| Arc::new(store) as Arc<dyn Store>), 400, async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            tokio::task::block_in_place(|| cluster.crash_and_restart());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_at_the_start_is_waited_for() {
    let cluster = Cluster::prepare();
    let url = cluster.url();
    let opening = tokio::spawn(async move { PostgresStore::open(&url).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!opening.is_finished(), "it waits");
    tokio::task::block_in_place(|| cluster.start());
    let store = opening.await.unwrap().unwrap();
    let item = acceptance("key");
    let created = [Admitted::Created { op_id: item.op_id }];
    assert_eq!(store.accept(vec![item]).await.unwrap(), created);
}

#[tokio::test]
async fn a_server_that_loses_commits_is_refused() {
    let cluster = Cluster::start_new();
    let mut admin = connect(&cluster.url()).await;
    for name in ["fsync", "full_page_writes"] {
        execute(&mut admin, &format!("ALTER SYSTEM SET {name} = off")).await;
        reload(&mut admin, name, "off").await;
        let error = PostgresStore::open(&cluster.url()).await.unwrap_err();
        assert!(format!("{error:?}").contains(&format!("{name} = off")), "{error:?}");
        let unsafe_url = format!("{}?orch_allow_unsafe=true", cluster.url());
        PostgresStore::open(&unsafe_url).await.unwrap();
        execute(&mut admin, &format!("ALTER SYSTEM RESET {name}")).await;
        reload(&mut admin, name, "on").await;
    }
    PostgresStore::open(&cluster.url()).await.unwrap();
}

async fn reload(admin: &mut sqlx::PgConnection, name: &str, value: &str) {
    execute(admin, "SELECT pg_reload_conf()").await;
    let sql =
        format!("SELECT count(*) FROM pg_settings WHERE name = '{name}' AND setting = '{value}'");
    while number(admin, &sql).await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_server_that_does_not_wait_for_its_disk_is_told_to() {
    let schema = Schema::create().await;
    let store = schema.store("&options[synchronous_commit]=off").await;
    let mut admin = schema.connect().await;
    // The setting of the session that stores an operation.
    execute(
        &mut admin,
        "CREATE TABLE seen AS SELECT ''::text AS setting WHERE false;
         CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$;
         CREATE TRIGGER look BEFORE INSERT ON orch_operation FOR EACH ROW EXECUTE FUNCTION look()",
    )
    .await;
    store.accept(vec![acceptance("key")]).await.unwrap();
    assert_eq!(number(&mut admin, "SELECT count(*) FROM seen WHERE setting = 'on'").await, 1);
}

#[tokio::test]
async fn a_fail_over_to_a_read_only_server_passes() {
    let schema = Schema::create().await;
    let role = format!("r{}", schema.name);
    let mut admin = schema.connect().await;
    let name = &schema.name;
    execute(&mut admin, &format!("CREATE ROLE {role} LOGIN SUPERUSER")).await;
    let url = schema.url("").replacen("//postgres@", &format!("//{role}@"), 1);
    let store = PostgresStore::open(&url).await.unwrap();
    execute(
        &mut admin,
        &format!(
            "ALTER ROLE {role} SET default_transaction_read_only = on;
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
        ),
    )
    .await;
    let item = acceptance("key");
    let error = store.accept(vec![item.clone()]).await.unwrap_err();
    assert!(error.is_transient(), "{name}: {error:?}");
    execute(&mut admin, &format!("ALTER ROLE {role} RESET default_transaction_read_only")).await;
    let created = [Admitted::Created { op_id: item.op_id }];
    assert_eq!(store.accept(vec![item]).await.unwrap(), created, "on a new connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_killed_a_hundred_times_neither_spins_nor_stays_away() {
    let schema = Schema::create().await;
    let more = format!("&application_name={}", schema.name);
    let store = schema.store(&more).await;
    store.wait_for_work(Duration::from_millis(1)).await;
    let mut admin = connect(&server()).await;
    let started = Instant::now();
    let kill = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE application_name = '{}' AND query LIKE 'LISTEN%' AND state = 'idle'",
        schema.name
    );
    let mut killed = 0;
    while killed < 100 {
        killed += number(&mut admin, &kill).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = started.elapsed();
    assert!(took > Duration::from_millis(100 * 45), "no pause between two tries: {took:?}");
    // It comes back: another process's message ends a long wait.
    let waiting = tokio::spawn(async move {
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(500) {
            store.wait_for_work(Duration::from_millis(500)).await;
        }
        let started = Instant::now();
        store.wait_for_work(Duration::from_secs(20)).await;
        started.elapsed()
    });
    while !waiting.is_finished() {
        execute(&mut admin, "NOTIFY orch_work").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(waiting.await.unwrap() < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_one_serves_everybody() {
    let schema = Schema::create().await;
    let store = Arc::new(schema.store("&orch_connections=1").await);
    let mut all = JoinSet::new();
    for n in 0..40 {
        let store = store.clone();
        all.spawn(async move {
            let item = acceptance(&format!("key-{n}"));
            let op_id = item.op_id;
            store.accept(vec![item]).await.unwrap();
            // A caller that goes away in the middle leaves nothing behind in the connection.
            let owner = owner();
            let get = store.get(&owner, op_id);
            let _ = tokio::time::timeout(Duration::from_micros(200), get).await;
            store.get(&owner, op_id).await.unwrap().unwrap().status
        });
    }
    assert_eq!(all.join_all().await, [Status::Pending; 40]);
}
