//! Each code that a server says, in both forms of an answer that is no success.

use std::time::Duration;

use orch::Ending;
use orch::grpc::ending_of_tonic;
use orch_testkit::{SocketAnswer, SocketProvider, SocketStep};
use tonic::Code;

use crate::rows::row;
use crate::world::{charge, head, ours};

/// As the head of an answer, and after it.
fn both(code: Code, acts: bool) -> [SocketStep; 2] {
    let text = (code as i32).to_string();
    let acting = |answer: SocketAnswer| if acts { answer.acting() } else { answer };
    let (first, last) = (head().header("grpc-status", &text), head().trailer("grpc-status", text));
    [acting(first).into(), acting(last).into()]
}

#[tokio::test]
async fn each_code_has_its_ending() {
    for (kind, code, acts) in [
        ("OK without a message", Code::Ok, true),
        ("CANCELLED of the server", Code::Cancelled, true),
        ("UNKNOWN of the server", Code::Unknown, true),
        ("INVALID_ARGUMENT", Code::InvalidArgument, false),
        ("DEADLINE_EXCEEDED of the server", Code::DeadlineExceeded, true),
        ("NOT_FOUND", Code::NotFound, false),
        ("ALREADY_EXISTS, as after a lost answer", Code::AlreadyExists, true),
        ("PERMISSION_DENIED", Code::PermissionDenied, false),
        ("RESOURCE_EXHAUSTED without a wait", Code::ResourceExhausted, true),
        ("FAILED_PRECONDITION, as after a lost answer", Code::FailedPrecondition, true),
        ("ABORTED", Code::Aborted, true),
        ("OUT_OF_RANGE", Code::OutOfRange, true),
        ("UNIMPLEMENTED", Code::Unimplemented, false),
        ("INTERNAL", Code::Internal, true),
        ("UNAVAILABLE", Code::Unavailable, true),
        ("DATA_LOSS", Code::DataLoss, true),
        ("UNAUTHENTICATED", Code::Unauthenticated, false),
    ] {
        for step in both(code, acts) {
            let provider = SocketProvider::start([step]).await;
            let result = charge(&ours(&provider.url(""))).await;
            row(kind, &provider, &result).await;
            if code != Code::Ok {
                assert_eq!(result.unwrap_err().code(), code);
            }
        }
    }
}

#[tokio::test]
async fn a_wait_is_as_long_as_the_server_says() {
    let [first, last] = [
        head().header("grpc-status", "8").header("grpc-retry-pushback-ms", "7000"),
        head().trailer("grpc-status", "8").trailer("grpc-retry-pushback-ms", "7000"),
    ];
    // A `google.rpc.Status` with a `RetryInfo` of 7 s.
    let details = "CAgaMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIBw";
    let detailed = head().trailer("grpc-status", "8").trailer("grpc-status-details-bin", details);
    for answer in [first, last, detailed] {
        let provider = SocketProvider::start([answer.into()]).await;
        let result = charge(&ours(&provider.url(""))).await;
        row("RESOURCE_EXHAUSTED with a wait", &provider, &result).await;
        let ending = ending_of_tonic(&result.unwrap_err());
        assert_eq!(ending, Ending::Retry { after: Some(Duration::from_secs(7)) });
    }
}

#[tokio::test]
async fn a_refusal_has_its_status_in_its_code() {
    let provider = SocketProvider::start([head().header("grpc-status", "5").into()]).await;
    let status = charge(&ours(&provider.url(""))).await.unwrap_err();
    assert_eq!(ending_of_tonic(&status), Ending::fail("GRPC_NOT_FOUND", false));
}

#[tokio::test]
async fn the_text_of_an_error_has_nothing_of_the_servers_message() {
    let secret =
        head().header("grpc-status", "3").header("grpc-message", "hunter2").header("x", "hunter2");
    let provider = SocketProvider::start([secret.into()]).await;
    let status = charge(&ours(&provider.url(""))).await.unwrap_err();
    assert!(format!("{status} {status:?}").contains("hunter2"));
    let error = orch::grpc::CallError::from(status);
    let text = format!("{error} {error:?}");
    assert!(!text.contains("hunter2") && text.contains("INVALID_ARGUMENT"), "{text}");
    assert_eq!(error.status().message(), "hunter2");
}
