//! Creates an object in S3 only if there is none of its name, whatever becomes of the answer. The requests are
//! S3's, without its signature; the server is a small one of this program, and no network is needed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::put;
use orch::http::{AnswerError, HttpOutcome, client};
use orch::prelude::*;
use orch::{KeyPlace, Provider, Published, Repeat, Says, Word};

/// S3, `PutObject` with `If-None-Match: *`. The object's name, which the command has, is the reference: there
/// is one object of a name, and a second one is refused with 412, whether or not the first was ours.
#[derive(Debug)]
enum S3Create {}

impl Provider for S3Create {
    const NAME: &'static str = "S3, create only";
    const REPEAT: Repeat = Repeat::Refuses;
    const KEY_PLACE: KeyPlace = KeyPlace::Command;
    const WORDS: &'static [Word] = &[Word::of_status(412, Says::Done)];
    const PUBLISHED: Option<Published> = Some(Published::new(
        "docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html",
        (2026, 11, 30),
    ));
}

#[derive(Debug, Serialize, Deserialize, Command)]
#[command(biz_key = "{name}")]
struct Create {
    /// Letters, digits and hyphens; anything else is to be escaped in a URL.
    name: String,
    text: String,
}

struct Bucket {
    client: reqwest::Client,
    url: String,
}

/// In this metadata an object says which operation has written it.
const WRITTEN_BY: &str = "x-amz-meta-written-by";

#[orchestrated(
    domain = "S3",
    event = "CREATE",
    provider = S3Create,
    effect = "keyed",
    attempt_timeout = "10s",
    reconcile = look
)]
async fn create(
    cmd: Create,
    ctx: Context<S3Create>,
    bucket: State<Bucket>,
) -> Result<(), AnswerError> {
    let request = bucket
        .client
        .put(format!("{}/{}", bucket.url, cmd.name))
        .header("If-None-Match", "*")
        .header(WRITTEN_BY, ctx.provider_key().as_str())
        .body(cmd.text);
    let answer = request.send().await?;
    Ok(HttpOutcome::check_of::<S3Create>(answer.status(), answer.headers(), None)?)
}

/// After a lost answer, and after a 412: whose object is it?
async fn look(
    cmd: Create,
    ctx: Context<S3Create>,
    bucket: State<Bucket>,
) -> Result<Reconciled<()>, reqwest::Error> {
    let answer = bucket.client.head(format!("{}/{}", bucket.url, cmd.name)).send().await?;
    let written_by = answer.headers().get(WRITTEN_BY);
    Ok(match answer.status() {
        StatusCode::OK if written_by.is_some_and(|key| key == ctx.provider_key().as_str()) => {
            Reconciled::Happened(())
        }
        StatusCode::OK => Reconciled::Refused {
            code: "NAME_TAKEN".to_owned(),
            message: "another object has this name".to_owned(),
        },
        // There was an object, perhaps ours, and it was deleted.
        StatusCode::NOT_FOUND if answer.headers().contains_key("x-amz-delete-marker") => {
            Reconciled::Unanswered
        }
        // A first call that is still on its way finds the object of the second one. Without versions a deleted
        // object looks like one that never was: delete none within the time budget.
        StatusCode::NOT_FOUND => Reconciled::NotHappened,
        _ => Reconciled::Unanswered,
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = format!("http://{}", start().await?);
    let bucket = Bucket { client: client(Duration::from_secs(10)).build()?, url };
    let runtime =
        Runtime::connect("memory:").only([("S3", "CREATE")]).state(bucket).start().await?;
    let orchestrator = runtime.orchestrator();
    for (name, request) in [
        ("report.txt", "monday"),
        // Stored, and answered with 500.
        ("lost.txt", "monday"),
        // Another request for the first name.
        ("report.txt", "tuesday"),
    ] {
        let command = Create { name: name.to_owned(), text: "42".to_owned() };
        let accepted = orchestrator.accept(command).idem_key(request)?.await?;
        let waited = orchestrator.wait(&accepted, Duration::from_secs(30)).await?;
        let calls = orchestrator.history(accepted.op_id).await?.len();
        match waited {
            Waited::Ok(()) => println!("{name}: created; entries in its history: {calls}"),
            Waited::Failed(failure) => println!("{name}: {}, {}", failure.code, failure.message),
            Waited::Pending(_) => println!("{name}: accepted; ask again later"),
        }
    }
    let _ = runtime.shutdown().await;
    Ok(())
}

/// Who has written each object, by its name.
type Objects = Arc<Mutex<HashMap<String, String>>>;

/// Stands for S3.
async fn start() -> std::io::Result<std::net::SocketAddr> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let routes = Router::new().route("/{name}", put(put_object).head(head_object));
    let server = axum::serve(listener, routes.with_state(Objects::default()));
    tokio::spawn(server.into_future());
    Ok(address)
}

async fn put_object(
    Shared(objects): Shared<Objects>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> StatusCode {
    let mut objects = objects.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if objects.contains_key(&name) && headers.get("if-none-match").is_some_and(|is| is == "*") {
        return StatusCode::PRECONDITION_FAILED;
    }
    let lost = name == "lost.txt";
    let written_by = headers.get(WRITTEN_BY).and_then(|key| key.to_str().ok()).unwrap_or_default();
    objects.insert(name, written_by.to_owned());
    if lost { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
}

async fn head_object(
    Shared(objects): Shared<Objects>,
    Path(name): Path<String>,
) -> Result<[(&'static str, String); 1], StatusCode> {
    let objects = objects.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let written_by = objects.get(&name).ok_or(StatusCode::NOT_FOUND)?;
    Ok([(WRITTEN_BY, written_by.clone())])
}
