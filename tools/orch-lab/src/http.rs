//! A provider behind real HTTP: `POST /charges` with an idempotency key.

use std::future::pending;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use tokio::net::TcpListener;

use crate::ledger::{Answer, Body, Request};
use crate::process::say;
use crate::provider::{Manners, Provider, Reply};

/// The line on standard output that says where the provider listens begins with this.
pub const LISTENS: &str = "listens on ";

/// Serves until the process is killed.
pub async fn serve<M: Manners>(provider: Provider<M>) -> crate::Result<()> {
    let app = Router::new().route("/charges", post(charges::<M>)).with_state(Arc::new(provider));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(&format!("{LISTENS}http://{}", listener.local_addr()?));
    Ok(axum::serve(listener, app).await?)
}

async fn charges<M: Manners>(
    State(provider): State<Arc<Provider<M>>>,
    headers: HeaderMap,
    Json(body): Json<Body>,
) -> Response {
    let Some(request) = read(&headers, body) else {
        let required = "Idempotency-Key, Attempt and Worker are required";
        return (StatusCode::BAD_REQUEST, required).into_response();
    };
    // Spawned: a caller that hangs up or dies does not stop what has begun.
    match tokio::spawn(async move { provider.call(request).await }).await {
        Ok(Ok(Reply::Answer(answer))) => respond(answer),
        // An HTTP client learns as much from either: nothing, until its own timeout.
        Ok(Ok(Reply::Silence | Reply::HangUp)) => pending().await,
        Ok(Err(error)) => broken(&error.to_string()),
        Err(panic) => broken(&panic.to_string()),
    }
}

fn read(headers: &HeaderMap, body: Body) -> Option<Request> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let key = text("Idempotency-Key")?.to_owned();
    Some(Request {
        key,
        body,
        attempt: text("Attempt")?.parse().ok()?,
        worker: text("Worker")?.parse().ok()?,
    })
}

fn respond(answer: Answer) -> Response {
    match answer {
        Answer::Done(receipt) => Json(receipt).into_response(),
        Answer::Declined => (StatusCode::PAYMENT_REQUIRED, "insufficient funds").into_response(),
        Answer::Limited => {
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")]).into_response()
        }
        Answer::Refused => {
            (StatusCode::CONFLICT, "another call with this key is at work").into_response()
        }
        Answer::Duplicate => (StatusCode::CONFLICT, "duplicate reference").into_response(),
        Answer::Busy | Answer::NotHappened | Answer::Unanswered => {
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// A provider whose ledger cannot be written must not say anything about money.
fn broken(error: &str) -> Response {
    eprintln!("provider: {error}");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
