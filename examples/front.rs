//! A payment API over axum: an answer within 200 ms, or `202 Accepted` and the operation's id.

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use orch::prelude::*;
use orch::{AcceptError, Invalid, Orchestrator, QueryError};

#[derive(Debug, Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    order_id: u64,
    amount: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    #[outcome(fail, code = "CARD_DECLINED")]
    #[error("the card was declined")]
    Declined,
}

/// The gateway: it declines what is too much.
#[orchestrated(domain = "PAYMENT", event = "CHARGE")]
async fn charge(cmd: Charge, ctx: Context) -> Result<String, ChargeError> {
    if cmd.amount > 1_000_000 {
        return Err(ChargeError::Declined);
    }
    Ok(format!("receipt {}", &ctx.provider_key().as_str()[..8]))
}

async fn create_charge(
    Extension(orchestrator): Extension<Orchestrator>,
    headers: HeaderMap,
    Json(charge): Json<Charge>,
) -> Result<Response, ApiError> {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    let accepted = orchestrator.accept(charge).idem_key(key)?.await?;
    Ok(match orchestrator.wait(&accepted, Duration::from_millis(200)).await? {
        Waited::Ok(receipt) => (StatusCode::CREATED, receipt).into_response(),
        Waited::Failed(failure) => (StatusCode::PAYMENT_REQUIRED, failure.code).into_response(),
        Waited::Pending(operation) => {
            (StatusCode::ACCEPTED, operation.op_id.to_string()).into_response()
        }
    })
}

/// What a client is told when its request was not taken.
enum ApiError {
    BadRequest(String),
    Conflict(String),
    Unavailable,
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        Self::BadRequest(invalid.to_string())
    }
}

impl From<AcceptError> for ApiError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Invalid(invalid) => invalid.into(),
            AcceptError::Conflict { .. } => Self::Conflict(error.to_string()),
            _ => Self::Unavailable,
        }
    }
}

impl From<QueryError> for ApiError {
    fn from(_: QueryError) -> Self {
        Self::Unavailable
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::BadRequest(text) => (StatusCode::BAD_REQUEST, text).into_response(),
            Self::Conflict(text) => (StatusCode::UNPROCESSABLE_ENTITY, text).into_response(),
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = Runtime::connect("memory:").start().await?;
    let routes = Router::new()
        .route("/charges", post(create_charge))
        .layer(Extension(runtime.orchestrator().clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/charges", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, routes).await });

    let client = orch::http::client(Duration::from_secs(10)).build()?;
    for (key, amount) in [("a", 50_000), ("a", 50_000), ("a", 60_000), ("b", 2_000_000), ("", 1)] {
        let charge = Charge { order_id: 123, amount };
        let request = client.post(&url).header("idempotency-key", key).json(&charge);
        let response = request.send().await?;
        println!("{} {}", response.status().as_u16(), response.text().await?);
    }
    let _ = runtime.shutdown().await;
    Ok(())
}
