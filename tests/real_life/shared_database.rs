//! Two services share a database: payments, with the default retention, and mail, which keeps its
//! operations for two seconds.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use orch::prelude::*;
use orch::{Operation, Orchestrator, RuntimeBuilder, Stripe};
use tempfile::TempDir;

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct Charge {
    #[command(idem_key)]
    order: u64,
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "MAIL-{mail}")]
struct Mail {
    #[command(idem_key)]
    mail: u64,
}

type Calls = Arc<AtomicU32>;

#[orchestrated(domain = "SHARED", event = "CHARGE", provider = Stripe, in_doubt = "park")]
async fn charge(
    _cmd: Charge,
    _ctx: Context<Stripe>,
    calls: State<Calls>,
) -> Result<u32, Infallible> {
    Ok(calls.fetch_add(1, Ordering::SeqCst) + 1)
}

#[orchestrated(domain = "SHARED", event = "MAIL")]
async fn send(_cmd: Mail) -> Result<(), Infallible> {
    Ok(())
}

const BRIEFLY: Duration = Duration::from_secs(2);
const SOON: Duration = Duration::from_secs(60);

struct Database(TempDir);

impl Database {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn connect(&self, event: &str, config: Config) -> RuntimeBuilder {
        let url = format!("sqlite://{}", self.0.path().join("shared.db").display());
        let config = config.prune_every(Duration::from_millis(50));
        Runtime::connect(url).config(config).only([("SHARED", event)])
    }

    async fn payments(&self, calls: &Calls) -> Runtime {
        let payments = self.connect("CHARGE", Config::default());
        payments.state(Arc::clone(calls)).start().await.unwrap()
    }

    async fn mail(&self) -> Runtime {
        let briefly = Config::default().completed_retention(BRIEFLY).failed_retention(BRIEFLY);
        self.connect("MAIL", briefly).start().await.unwrap()
    }
}

/// Sends a mail; its operation as it ended.
async fn sent(desk: &Orchestrator) -> Operation {
    let accepted = desk.accept(Mail { mail: 1 }).await.unwrap();
    assert_eq!(accepted.disposition, Disposition::Created);
    assert_eq!(desk.wait(&accepted, SOON).await.unwrap(), Waited::Ok(()));
    desk.get(accepted.op_id).await.unwrap().unwrap()
}

async fn pruned(desk: &Orchestrator, operation: &Operation) {
    let gone = async {
        while desk.get(operation.op_id).await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, gone).await.expect("it is pruned");
}

fn kept(operation: &Operation) -> Duration {
    operation.expires_at.unwrap().since(operation.finished_at.unwrap())
}

#[tokio::test]
async fn a_charge_is_kept_however_briefly_another_service_keeps_its_mail() {
    let (database, calls) = (Database::new(), Calls::default());
    let (payments, mail) = (database.payments(&calls).await, database.mail().await);
    let desk = payments.orchestrator();
    let first = desk.accept(Charge { order: 7 }).await.unwrap();
    assert_eq!(desk.wait(&first, SOON).await.unwrap(), Waited::Ok(1));
    let mailed = sent(mail.orchestrator()).await;
    assert_eq!(kept(&mailed), BRIEFLY);
    pruned(desk, &mailed).await;

    let again = desk.accept(Charge { order: 7 }).await.unwrap();
    assert_eq!((again.op_id, again.disposition), (first.op_id, Disposition::Replayed));
    assert_eq!(desk.wait(&again, SOON).await.unwrap(), Waited::Ok(1));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    let charged = desk.get(first.op_id).await.unwrap().unwrap();
    assert_eq!(kept(&charged), Config::default().completed_retention);
    // What the mail service has declared is its own.
    sent(mail.orchestrator()).await;
    let _ = (payments.shutdown().await, mail.shutdown().await);
}

#[tokio::test]
async fn what_a_service_has_left_behind_goes_when_it_said() {
    let database = Database::new();
    let mail = database.mail().await;
    let mailed = sent(mail.orchestrator()).await;
    let _ = mail.shutdown().await;
    let payments = database.payments(&Calls::default()).await;
    pruned(payments.orchestrator(), &mailed).await;
    let _ = payments.shutdown().await;
}
