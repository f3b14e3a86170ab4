//! What a worker logs: lines that people find an operation by.

use std::io::Write;
use std::sync::{Arc, Mutex};

use orch_core::handler::Registration;
use orch_core::handler::emitted::bound;
use orch_core::words::Waited;
use tracing_subscriber::fmt::MakeWriter;

use crate::world::{Charge, accept, finished, handler, runtime};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Lines {
    fn with(&self, words: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains(words)).map(str::to_owned).collect()
    }
}

/// A handler that logs a line of its own.
fn talking() -> Registration {
    Registration {
        attempt: |call| {
            let command = bound::<Charge>().command(call)?;
            bound::<Charge>().attempt(async move {
                tracing::info!("asking the bank");
                Ok::<_, std::convert::Infallible>(command.amount)
            })
        },
        ..handler()
    }
}

#[tokio::test]
async fn an_operation_is_logged_when_it_is_accepted_and_when_it_ends() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().with_writer(lines.clone()).with_ansi(false);
    let _here = tracing::subscriber::set_default(subscriber.finish());
    let runtime = runtime(&Arc::default(), talking()).await;
    let accepted = accept(runtime.orchestrator(), 1).await;
    assert_eq!(finished(runtime.orchestrator(), &accepted).await, Waited::Ok(501));
    let _ = runtime.shutdown().await;
    let op_id = accepted.op_id.to_string();
    for words in [" accepted ", " ended ", "asking the bank"] {
        let found = lines.with(words);
        assert_eq!(found.len(), 1, "{words}: {found:?}");
        assert!(found[0].contains(&op_id) && found[0].contains("PAYMENT/CHARGE"), "{found:?}");
        assert!(found[0].contains("INFO"), "{found:?}");
    }
    assert!(lines.with("asking the bank")[0].contains("attempt=1"));
    assert!(lines.with("501").is_empty(), "neither a payload nor an output is logged");
}
