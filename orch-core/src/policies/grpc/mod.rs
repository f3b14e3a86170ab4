//! What a gRPC status says about the provider. Empty without the feature `tonic`.
//!
//! A `tonic::Status` is an answer of the server, or what tonic makes of an answer that cannot be read,
//! or of none. Its code does not say which: `Unavailable` is a port that refuses connections, and a
//! proxy that lost sight of a call which was carried out. `ending_of_tonic` looks at what the
//! status is made of first, at its code second. `endpoint` builds the connection, and `CallError` is a
//! status with the effect of its call, for a handler's error.
//!
//! # Every status without a source, by the effect of the call
//!
//! One with a source is no answer: `ending_of_tonic` has its table. The meanings are those of the
//! [status codes of gRPC](https://grpc.github.io/grpc/core/md_doc_statuscodes.html); the codes that a library makes by
//! itself were measured with tonic 0.14.9.
//!
#![doc = include_str!("table.md")]
//!
//! - **retry** waits at least as long as the server says: in the metadata `grpc-retry-pushback-ms`
//!   (gRFC A6), or in a `google.rpc.RetryInfo` among the details.
//! - **fail** has the status in its code: `GRPC_NOT_FOUND`. A status that means something else at your
//!   provider gets a separate variant before the rest is left to this table. It is about this call only and
//!   never clears doubt about an earlier one.
//! - **in doubt** is followed by `reconcile`, or by what `in_doubt` declares.
//! - A decoder of your own says `INTERNAL` of a message that it cannot read. A code such as
//!   `INVALID_ARGUMENT`, which `tonic` makes of some `std::io::Error`s, would be taken as a refusal.
//! - A status that an interceptor of yours gives is read like an answer. If it says that nothing was sent,
//!   such as *no token*, give it a separate variant.

#[cfg(feature = "tonic")]
mod call_error;
#[cfg(feature = "tonic")]
mod endpoint;
#[cfg(feature = "tonic")]
mod no_answer;
#[cfg(feature = "tonic")]
mod rules;
#[cfg(feature = "tonic")]
mod wait;

#[cfg(feature = "tonic")]
pub use self::{call_error::CallError, endpoint::endpoint, no_answer::ending_of_tonic};
