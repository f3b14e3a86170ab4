//! How a service tests against what its provider promises: the handler against the promise, and the
//! promise against the provider.

use std::sync::Arc;

use orch::http::HttpOutcome;
use orch::prelude::*;
use orch::{Keeps, KeyLifetime, Phase, Provider, Repeat, Says, Word};
use orch_testkit::{
    Answered, Probe, ProbeBody, Promise, Reply, ScriptedProvider, Step, contract_probe,
};

/// The bank, as its integration guide says in chapter 4.
enum Bank {}

impl Provider for Bank {
    const NAME: &'static str = "the bank";
    const REPEAT: Repeat = Repeat::Answers(Keeps::Effects);
    const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(Duration::from_secs(60 * 60));
    const WORDS: &'static [Word] = &[Word::of(409, "IN_PROGRESS", Says::StillRunning)];
}

#[derive(Serialize, Deserialize, Command)]
#[command(biz_key = "ORDER-{order}")]
struct Transfer {
    #[command(idem_key)]
    order: u64,
}

#[orchestrated(
    domain = "CONTRACT_TEST",
    event = "TRANSFER",
    provider = Bank,
    attempt_timeout = "100ms",
    backoff(base = "1ms", cap = "1ms")
)]
async fn transfer(
    cmd: Transfer,
    ctx: Context<Bank>,
    bank: State<Arc<ScriptedProvider>>,
) -> Result<String, HttpOutcome> {
    let body = cmd.order.to_string();
    let answer = bank.answer(ctx.provider_key().as_str(), body.as_bytes()).await;
    answer.check::<Bank>()?;
    Ok(answer.receipt.unwrap_or_default())
}

async fn transferred(bank: &Arc<ScriptedProvider>) -> (Waited<String>, Option<Phase>) {
    let runtime = Runtime::connect("memory:").only([("CONTRACT_TEST", "TRANSFER")]);
    let runtime = runtime.state(Arc::clone(bank)).start().await.unwrap();
    let desk = runtime.orchestrator();
    let accepted = desk.accept(Transfer { order: 1 }).await.unwrap();
    let waited = desk.wait(&accepted, Duration::from_secs(30)).await.unwrap();
    let phase = desk.get(accepted.op_id).await.unwrap().unwrap().phase;
    (waited, phase)
}

/// The bank transfers and answers 502; the repeated call gets the transfer.
#[tokio::test]
async fn a_502_behind_the_transfer_is_one_transfer() {
    let bank = ScriptedProvider::of::<Bank>().script([Step::ChargeAndError(502)]);
    let bank = Arc::new(bank);
    assert_eq!(transferred(&bank).await, (Waited::Ok("1".to_owned()), None));
    assert_eq!((bank.calls().len(), bank.charged()), (2, 1));
}

/// The bank needs 12 seconds, and a call comes each 4 seconds. No one waits for that.
#[tokio::test]
async fn a_transfer_that_takes_long_is_one_transfer() {
    let bank = ScriptedProvider::of::<Bank>()
        .script([Step::ChargeSlowly(Duration::from_secs(12))])
        .between_calls(Duration::from_secs(4));
    let bank = Arc::new(bank);
    assert_eq!(transferred(&bank).await, (Waited::Ok("1".to_owned()), None));
    assert_eq!((bank.calls().len(), bank.charged()), (4, 1));
}

/// The client of the bank's sandbox, as the service has it.
struct Sandbox(ScriptedProvider);

impl Sandbox {
    async fn transfer(&self, key: &str, cents: u32) -> Answered {
        self.0.answer(key, &cents.to_be_bytes()).await
    }

    /// An amount for which the sandbox transfers and answers 502, as sandboxes have them.
    async fn transfer_and_fail(&self, key: &str) -> Answered {
        self.0.then(Step::ChargeAndError(502));
        self.transfer(key, 502).await
    }

    /// What the list of transfers has under this reference.
    fn find(&self, key: &str) -> Option<String> {
        match self.0.happened(key) {
            Some(Reply::Charged { receipt }) => Some(receipt.to_string()),
            _ => None,
        }
    }
}

async fn probed(sandbox: &Sandbox) -> orch_testkit::ProbeReport {
    contract_probe::<Bank>(async |call: Probe| match call.body {
        ProbeBody::Usual | ProbeBody::Slow => Some(sandbox.transfer(&call.key, 100).await),
        ProbeBody::Other => Some(sandbox.transfer(&call.key, 101).await),
        ProbeBody::FailingBehindTheAct => {
            let answer = sandbox.transfer_and_fail(&call.key).await;
            // The answer does not say which transfer it was; the list does.
            sandbox.find(&call.key).map(|id| answer.with_receipt(id))
        }
        // This sandbox has no body that fails: the report says that it was not seen.
        _ => None,
    })
    .await
}

#[tokio::test]
async fn the_bank_does_what_its_contract_says() {
    let report = probed(&Sandbox(ScriptedProvider::of::<Bank>())).await;
    report.assert_agrees();
    assert!(report.unseen().any(|finding| finding.promise == Promise::AfterError));
}

/// And if the guide was wrong: the key is kept behind a success only.
#[tokio::test]
async fn a_bank_that_keeps_less_than_its_guide_says_is_found() {
    let report = probed(&Sandbox(ScriptedProvider::of::<orch::CheckoutCom>())).await;
    let differs: Vec<_> = report.differs().map(|finding| finding.promise).collect();
    assert_eq!(differs, [Promise::BehindTheAct], "{report}");
    assert_eq!(
        report.to_string(),
        "\
the contract of the bank, and what its provider did:
  agrees   a repeated key: answered as before, 200 (effect 1)
  agrees   another body: answered as before, 200 (effect 2)
  not seen behind an error: the client made no such call, or got no answer
           help: let the client send such a body, if the sandbox has one
  DIFFERS  behind an error after the act: acted again, 502 (effect 4)
           help: a repeated call acts again: write `Repeat::Answers(Keeps::Successes)` if it does so behind an error only, else `Repeat::Acts`, and give the handler a `reconcile`
  not seen while the first call runs: both were answered with the effect, 200 (effect 5) and 200 (effect 5)
           help: let the client send a body that takes longer
  not seen how long a key is remembered: the contract says 3600s at least; that is not probed
           help: ask the provider
"
    );
}
