//! A contract, held against the provider's sandbox.

mod compare; // what an answer means for the contract
mod report; // what was found

use std::future::Future;

use orch_core::provider::{Provider, ProviderKey};
use orch_core::words::{KeySource, OpId};

pub use report::{Finding, ProbeReport, Promise, Verdict};

use crate::Answered;
use compare::Compared;

/// One call that a probe asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Probe {
    /// The key or reference, in the form that the contract names (`KEY_FORM`).
    pub key: String,
    /// Which body to send with it.
    pub body: ProbeBody,
}

/// The bodies that a probe asks for. Two calls with one of them send the same bytes, but for the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProbeBody {
    /// One that the sandbox acts on.
    Usual,
    /// The same with a difference, such as another amount.
    Other,
    /// One that is refused without an effect: a test card that is declined.
    Failing,
    /// One that the sandbox acts on and answers with an error, or whose answer your client throws away. Give
    /// the id of the effect all the same, looked up in another way.
    FailingBehindTheAct,
    /// One that the sandbox takes its time for; two of them are sent at once. [`Usual`](Self::Usual) will do.
    Slow,
}

/// Holds the contract `P` against the provider itself, or its sandbox: repeats a key, with the same body,
/// with another one, behind an error, behind an error that came after the act, and while the first call
/// is at work. Ten calls, each of which may act.
///
/// `client` makes one call: sends the body that it is asked for with this key, and returns status, code,
/// and the id of the effect if there was one. `None` means that it has no such body, or got no answer;
/// the report then says that this could not be seen. The calls of one check follow one another, but for
/// two with [`ProbeBody::Slow`].
///
/// How long a key is remembered is not probed.
///
/// ```
/// # use orch_core::provider::catalogue::CheckoutCom;
/// # use orch_testkit::{Probe, ProbeBody, Promise, ScriptedProvider, contract_probe};
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let sandbox = ScriptedProvider::of::<CheckoutCom>();
/// let client = async |call: Probe| match call.body {
///     ProbeBody::Usual => Some(sandbox.answer(&call.key, b"5 EUR").await),
///     ProbeBody::Other => Some(sandbox.answer(&call.key, b"6 EUR").await),
///     _ => None,
/// };
/// let report = contract_probe::<CheckoutCom>(client).await;
/// report.assert_agrees();
/// assert!(report.agrees().any(|finding| finding.promise == Promise::RepeatedKey));
/// # });
/// ```
pub async fn contract_probe<P: Provider>(
    client: impl AsyncFn(Probe) -> Option<Answered>,
) -> ProbeReport {
    let one_key = |first, second| one_after_the_other::<P>(&client, first, second);
    let compared = Compared::of::<P>();
    let (first, second) = one_key(ProbeBody::Usual, ProbeBody::Usual).await;
    let mut findings = vec![compared.repeated_key(first, second)];
    let (first, second) = one_key(ProbeBody::Usual, ProbeBody::Other).await;
    findings.push(compared.other_body(first, second));
    let (first, second) = one_key(ProbeBody::Failing, ProbeBody::Usual).await;
    findings.push(compared.after_error(first, second));
    let body = ProbeBody::FailingBehindTheAct;
    let (first, second) = one_key(body, body).await;
    findings.push(compared.behind_the_act(first, second));
    let key = key::<P>();
    let call = || client(Probe { key: key.clone(), body: ProbeBody::Slow });
    let (first, second) = at_once(call(), call()).await;
    findings.push(compared.in_flight(first, second));
    findings.push(compared.lifetime());
    ProbeReport::new(P::NAME, findings)
}

type Two = (Option<Answered>, Option<Answered>);

/// The second call is left out where the first one could not be made.
async fn one_after_the_other<P: Provider>(
    client: &impl AsyncFn(Probe) -> Option<Answered>,
    first: ProbeBody,
    second: ProbeBody,
) -> Two {
    let key = key::<P>();
    let Some(first) = client(Probe { key: key.clone(), body: first }).await else {
        return (None, None);
    };
    let second = client(Probe { key, body: second }).await;
    (Some(first), second)
}

async fn at_once(
    first: impl Future<Output = Option<Answered>>,
    second: impl Future<Output = Option<Answered>>,
) -> Two {
    tokio::join!(first, second)
}

/// A key that no one has used.
fn key<P: Provider>() -> String {
    let source = KeySource { op_id: OpId::generate(), seed: None, redrive: 0, generation: 0 };
    ProviderKey::<P>::text_of(source)
}
