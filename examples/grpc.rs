//! Charges a card over gRPC, and asks the gateway where the end of a call is unknown. The gateway is a small one of
//! this program, and no network is needed.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as Polled, Poll};

use http::uri::PathAndQuery;
use orch::grpc::{CallError, endpoint};
use orch::prelude::*;
use orch::{Effect, Keeps, KeyLifetime, KeyPlace, Provider, Repeat};
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Code, Extensions, Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

/// The gateway's contract: for ever, a repeated key gets what has acted.
#[derive(Debug)]
enum Gateway {}

impl Provider for Gateway {
    const NAME: &'static str = "the gateway";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::Unlimited;
    const KEY_PLACE: KeyPlace = KeyPlace::Header(KEY);
}

const KEY: &str = "idempotency-key";

#[derive(Debug, Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order_id}")]
struct Charge {
    #[command(idem_key)]
    order_id: u64,
    amount: u64,
}

#[derive(Debug, thiserror::Error, Outcome)]
enum ChargeError {
    /// The gateway looks at the key first.
    #[outcome(fail, code = "CARD_DECLINED", clears_doubt)]
    #[error("the card was declined")]
    Declined,
    #[outcome(from = CallError::ending)]
    #[error("the gateway gives no receipt")]
    NoReceipt(#[from] CallError),
}

impl From<Status> for ChargeError {
    fn from(status: Status) -> Self {
        match status.code() {
            Code::FailedPrecondition => Self::Declined,
            _ => Self::NoReceipt(status.into()),
        }
    }
}

#[orchestrated(
    domain = "PAYMENT",
    event = "CHARGE",
    provider = Gateway,
    attempt_timeout = "10s",
    reconcile = find
)]
async fn charge(
    cmd: Charge,
    ctx: Context<Gateway>,
    client: State<GatewayClient>,
) -> Result<u64, ChargeError> {
    let headers = [ctx.provider_key().header()].into_iter().collect();
    let message = ChargeRequest { amount: cmd.amount };
    let request =
        Request::from_parts(MetadataMap::from_headers(headers), Extensions::default(), message);
    Ok(client.charge(request).await?.number)
}

/// A query: about its own end there is no doubt, and an error of it leaves the charge in doubt.
async fn find(
    _cmd: Charge,
    ctx: Context<Gateway>,
    client: State<GatewayClient>,
) -> Result<Reconciled<u64>, CallError> {
    let key = ctx.provider_key().as_str().to_owned();
    match client.find(Request::new(FindRequest { key })).await {
        Ok(receipt) => Ok(Reconciled::Happened(receipt.number)),
        Err(status) if status.code() == Code::NotFound => Ok(Reconciled::NotHappened),
        Err(status) => Err(CallError::from(status).for_effect(Effect::Read)),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = Server::builder().add_service(Charges::default());
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));

    // Once, for all handlers; the worker starts even while the gateway is down.
    let channel = endpoint(url, Duration::from_secs(10))?.connect_lazy();
    let client = GatewayClient { grpc: Grpc::new(channel) };
    let runtime =
        Runtime::connect("memory:").only([("PAYMENT", "CHARGE")]).state(client).start().await?;
    let orchestrator = runtime.orchestrator();
    // The gateway charges the second order too, and a proxy loses its answer.
    for (order_id, amount) in [(1, 500), (2, 500), (3, 5_000_000)] {
        let accepted = orchestrator.accept(Charge { order_id, amount }).await?;
        match orchestrator.wait(&accepted, Duration::from_secs(30)).await? {
            Waited::Ok(receipt) => println!("order {order_id}: receipt {receipt}"),
            Waited::Failed(failure) => println!("order {order_id}: {}", failure.code),
            Waited::Pending(_) => println!("order {order_id}: accepted; ask again later"),
        }
    }
    let _ = runtime.shutdown().await;
    Ok(())
}

// What `tonic-prost-build` makes of the gateway's `.proto`, as far as it is needed here.

#[derive(Clone, PartialEq, prost::Message)]
struct ChargeRequest {
    #[prost(uint64, tag = "1")]
    amount: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct FindRequest {
    #[prost(string, tag = "1")]
    key: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Receipt {
    #[prost(uint64, tag = "1")]
    number: u64,
}

const CHARGE: &str = "/gateway.Gateway/Charge";
const FIND: &str = "/gateway.Gateway/Find";

struct GatewayClient {
    grpc: Grpc<Channel>,
}

impl GatewayClient {
    async fn charge(&self, request: Request<ChargeRequest>) -> Result<Receipt, Status> {
        self.call(CHARGE, request).await
    }

    async fn find(&self, request: Request<FindRequest>) -> Result<Receipt, Status> {
        self.call(FIND, request).await
    }

    async fn call<M>(&self, path: &'static str, request: Request<M>) -> Result<Receipt, Status>
    where
        M: prost::Message + Sync + 'static,
    {
        // A clone shares the connection.
        let mut grpc = self.grpc.clone();
        grpc.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
        let codec = ProstCodec::<M, Receipt>::default();
        let answer = grpc.unary(request, PathAndQuery::from_static(path), codec).await?;
        Ok(answer.into_inner())
    }
}

/// Stands for the gateway: the receipt of each key.
#[derive(Clone, Default)]
struct Charges(Arc<Mutex<HashMap<String, u64>>>);

impl Charges {
    fn charge(&self, request: &Request<ChargeRequest>) -> Result<Response<Receipt>, Status> {
        let key = request.metadata().get(KEY).and_then(|key| key.to_str().ok());
        let key = key.ok_or_else(|| Status::invalid_argument("no key"))?;
        let mut charged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !charged.contains_key(key) && request.get_ref().amount > 1_000_000 {
            return Err(Status::failed_precondition("card declined"));
        }
        let next = charged.len() as u64 + 1;
        let number = *charged.entry(key.to_owned()).or_insert(next);
        if number == 2 {
            return Err(Status::unavailable("upstream connect error"));
        }
        Ok(Response::new(Receipt { number }))
    }

    fn find(&self, request: &Request<FindRequest>) -> Result<Response<Receipt>, Status> {
        let charged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = charged.get(&request.get_ref().key).copied();
        let number = number.ok_or_else(|| Status::not_found("no charge with this key"))?;
        Ok(Response::new(Receipt { number }))
    }
}

impl tonic::server::NamedService for Charges {
    const NAME: &'static str = "gateway.Gateway";
}

impl Service<http::Request<Body>> for Charges {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Polled<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let charges = self.clone();
        Box::pin(async move {
            Ok(match request.uri().path() {
                CHARGE => {
                    let method = service_fn(move |it| std::future::ready(charges.charge(&it)));
                    let codec = ProstCodec::<Receipt, ChargeRequest>::default();
                    tonic::server::Grpc::new(codec).unary(method, request).await
                }
                FIND => {
                    let method = service_fn(move |it| std::future::ready(charges.find(&it)));
                    let codec = ProstCodec::<Receipt, FindRequest>::default();
                    tonic::server::Grpc::new(codec).unary(method, request).await
                }
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}
