//! Each contract, held against the scripted provider that the matrix has for it.

use std::sync::atomic::{AtomicBool, Ordering};

use orch::Provider;
use orch_testkit::{
    Probe, ProbeBody, ProbeReport, Promise, Reply, ScriptedProvider, Step, contract_probe,
};

use crate::contracts::ROWS;
use crate::faults::Fault;

/// The client of a sandbox that has a body for everything.
pub async fn probed<P: Provider>() -> ProbeReport {
    let (sandbox, slow) = (ScriptedProvider::of::<P>(), AtomicBool::new(false));
    contract_probe::<P>(async |Probe { key, body, .. }: Probe| {
        match body {
            ProbeBody::Failing => sandbox.then(Step::Decline),
            ProbeBody::FailingBehindTheAct => sandbox.then(Step::ChargeAndError(502)),
            ProbeBody::Slow if !slow.swap(true, Ordering::SeqCst) => {
                sandbox.then(Step::ChargeSlowly(Fault::WORK));
            }
            _ => {}
        }
        let payload: &[u8] = if body == ProbeBody::Other { b"6 EUR" } else { b"5 EUR" };
        let answer = sandbox.answer(&key, payload).await;
        if body == ProbeBody::Slow {
            sandbox.advance(Fault::WORK);
        }
        Some(match (body, sandbox.happened(&key)) {
            (ProbeBody::FailingBehindTheAct, Some(Reply::Charged { receipt })) => {
                answer.with_receipt(receipt.to_string())
            }
            _ => answer,
        })
    })
    .await
}

#[tokio::test]
async fn each_contract_agrees_with_the_provider_that_the_matrix_has_for_it() {
    for row in ROWS {
        let report = (row.probe)().await;
        report.assert_agrees();
        let seen = |promise| report.agrees().any(|finding| finding.promise == promise);
        assert!(seen(Promise::RepeatedKey) && seen(Promise::InFlight), "{report}");
    }
}
