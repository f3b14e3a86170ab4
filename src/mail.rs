//! Sending mail: a transport that sends each mail once, how an attempt ends with an error of it, and the
//! `Message-ID` that is made of the provider key.
//!
//! SMTP knows no keys, and cannot be asked what became of a mail. `docs/book/sending-mail.md` says what follows
//! from that. `transport` and `ending_of_lettre` need the feature `lettre`.

// All that there is: which items that are is the feature of orch-core, which tests and examples always have.
pub use orch_core::policies::mail::*;
pub use orch_core::provider::{InvalidDomain, message_id};
