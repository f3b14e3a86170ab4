//! The biz key's template changes: two releases on one database.

use std::convert::Infallible;

use orch::internals::handler::emitted::{bound, checks};
use orch::internals::handler::{Call, Descriptor, Registration};
use orch::memory::MemoryStore;
use orch::prelude::*;
use orch::{AcceptError, HandledCommand, OtherForm, StartError};
use orch_sqlite::SqliteStore;
use sqlx::{Connection, SqliteConnection};

/// The command as a release has it.
macro_rules! release {
    ($name:ident: $(#[$keys:meta])*) => {
        mod $name {
            use super::*;

            #[derive(Debug, Serialize, Deserialize, Command)]
            #[command(domain = "IDENTITY", event = "CHARGE", output = String)]
            $(#[$keys])*
            pub(super) struct Charge {
                pub(super) shop: String,
                pub(super) order: u64,
                #[command(idem_key)]
                pub(super) request: String,
            }

            impl super::Of for Charge {
                fn of(request: &str) -> Self {
                    Self { shop: "seoul".to_owned(), order: 7, request: request.to_owned() }
                }
            }
        }
    };
}

release!(v1: #[command(biz_key = "ORDER-{order}")]);
release!(v2: #[command(biz_key = "{shop}/{order}", identity = 2, earlier = "ORDER-{order}")]);
release!(v3: #[command(biz_key = "{order}@{shop}", identity = 3, earlier = ["{shop}/{order}", "ORDER-{order}"])]);
// Changed, and nothing said.
release!(silent: #[command(biz_key = "{shop}/{order}")]);

trait Of: HandledCommand<Output = String, Key = orch::KeyInCommand> {
    fn of(request: &str) -> Self;
}

fn handler<C: Of>() -> Registration {
    let descriptor = Descriptor {
        name: "identity::charge",
        domain: "IDENTITY",
        event_type: "CHARGE",
        ..Descriptor::DEFAULTS
    };
    let attempt = |call: &Call| {
        bound::<C>().command(call)?;
        bound::<C>().attempt(async { Ok::<_, Infallible>("paid".to_owned()) })
    };
    Registration::new(descriptor, attempt, Vec::new).checks(checks::<C>())
}

fn release<C: Of>(store: &impl StoreClone) -> orch::RuntimeBuilder {
    store.runtime().register(handler::<C>()).only([("IDENTITY", "CHARGE")])
}

/// A store that several runtimes share.
trait StoreClone {
    fn runtime(&self) -> orch::RuntimeBuilder;
}

impl StoreClone for MemoryStore {
    fn runtime(&self) -> orch::RuntimeBuilder {
        Runtime::on(self.clone())
    }
}

impl StoreClone for String {
    fn runtime(&self) -> orch::RuntimeBuilder {
        Runtime::connect(self)
    }
}

fn refused<C>(answer: Result<orch::Accepted<C>, AcceptError>) -> OtherForm {
    match answer {
        Err(AcceptError::OtherForm(other)) => other,
        Err(error) => panic!("{error}"),
        Ok(accepted) => panic!("{accepted:?}"),
    }
}

async fn a_request_is_one_operation_across_releases(store: &impl StoreClone) {
    let old = release::<v1::Charge>(store).start().await.unwrap();
    let before = old.orchestrator().accept(v1::Charge::of("r-1")).await.unwrap();
    let new = release::<v2::Charge>(store).start().await.unwrap();
    let orchestrator = new.orchestrator();
    let again = orchestrator.accept(v2::Charge::of("r-1")).await.unwrap();
    assert_eq!((again.op_id, again.disposition), (before.op_id, Disposition::Replayed));

    // What the old release would accept now, the new one would not find.
    let later = orchestrator.accept(v2::Charge::of("r-2")).await.unwrap();
    let other = refused(old.orchestrator().accept(v1::Charge::of("r-2")).await);
    assert!(other.to_string().contains("use the later release"), "{other}");
    assert!(other.to_string().contains("identity = 3"), "{other}");
    let still = old.orchestrator().accept(v1::Charge::of("r-1")).await.unwrap();
    assert_eq!(still.op_id, before.op_id, "what it finds is no second one");

    let last = release::<v3::Charge>(store).start().await.unwrap();
    for (request, op_id) in [("r-1", before.op_id), ("r-2", later.op_id)] {
        let found = last.orchestrator().accept(v3::Charge::of(request)).await.unwrap();
        assert_eq!((found.op_id, found.disposition), (op_id, Disposition::Replayed));
    }
    for release in [old, new, last] {
        let _ = release.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_memory() {
    a_request_is_one_operation_across_releases(&MemoryStore::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    let (_folder, url) = file();
    a_request_is_one_operation_across_releases(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_nothing_is_said_of_is_noticed_at_the_start_and_before() {
    let (_folder, url) = file();
    let old = release::<v1::Charge>(&url).start().await.unwrap();
    let _ = old.shutdown().await;
    let checked = release::<silent::Charge>(&url).check().await.unwrap_err();
    let started = release::<silent::Charge>(&url).start().await.unwrap_err();
    let accepting = release::<silent::Charge>(&url).without_worker().start().await.unwrap_err();
    for error in [checked, started, accepting] {
        assert!(matches!(error, StartError::OtherForm(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains("identity = 2") && text.contains("ORDER-{order}"), "{text}");
        assert!(text.contains("IDENTITY/CHARGE"), "{text}");
    }
    // A release that says it is welcome, and nothing is stored by a look.
    release::<v2::Charge>(&url).check().await.unwrap();
    let old = release::<v1::Charge>(&url).start().await.unwrap();
    let _ = old.shutdown().await;
}

/// It has the command, and no handler of it: the first accept notices.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_without_the_handler_notices_when_it_accepts() {
    let (_folder, url) = file();
    let none = [("ONE_PAYMENT", "PAY")];
    let front = Runtime::connect(&url).only(none).start().await.unwrap();
    let orchestrator = front.orchestrator();
    let first = orchestrator.accept(v1::Charge::of("r-1")).await.unwrap();
    let other = refused(orchestrator.accept(silent::Charge::of("r-1")).await);
    assert!(other.to_string().contains("identity = 2"), "{other}");
    let again = orchestrator.accept(v2::Charge::of("r-1")).await.unwrap();
    assert_eq!(again.op_id, first.op_id);
    orchestrator.accept(v1::Charge::of("r-2")).await.expect("nothing is accepted in form 2 yet");
    orchestrator.accept(v2::Charge::of("r-3")).await.unwrap();
    refused(orchestrator.accept(v1::Charge::of("r-4")).await);
    let _ = front.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inside_the_callers_own_transaction() {
    let (_folder, url) = file();
    let store = SqliteStore::open(&url).await.unwrap();
    let running = Runtime::on(store.clone()).without_worker().start().await.unwrap();
    let orchestrator = running.orchestrator();
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let first = orchestrator.accept(v1::Charge::of("r-1"));
    let first = first.within(&store, &mut transaction).await.unwrap();
    let again = orchestrator.accept(v2::Charge::of("r-1"));
    let again = again.within(&store, &mut transaction).await.unwrap();
    assert_eq!((again.op_id, again.disposition), (first.op_id, Disposition::Replayed));
    let new = orchestrator.accept(v2::Charge::of("r-2")).within(&store, &mut transaction).await;
    assert_eq!(new.unwrap().disposition, Disposition::Created);
    refused(orchestrator.accept(v1::Charge::of("r-3")).within(&store, &mut transaction).await);
    transaction.commit().await.unwrap();
    let _ = running.shutdown().await;
}

fn file() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("orch.db").display());
    (folder, url)
}

// The example of the page on deploys.

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "{shop}/{order_id}", identity = 2, earlier = "ORDER-{order_id}")]
struct Charge {
    shop: String,
    order_id: u64,
    #[command(idem_key)]
    request_id: String,
}

#[test]
fn a_command_says_its_form_and_its_earlier_biz_keys() {
    use orch::TypedCommand;

    let charge = Charge { shop: "seoul".into(), order_id: 7, request_id: "r-1".into() };
    assert_eq!(charge.earlier_biz_keys(), ["ORDER-7"]);
    let form = Charge::FORM.unwrap();
    assert_eq!(form.number, 2);
    assert_eq!(form.keys, r#"biz_key = "{shop}/{order_id}" and idem_key {request_id}"#);
}
