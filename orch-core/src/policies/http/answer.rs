use std::fmt;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use reqwest::Response;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{AnswerError, HttpOutcome};
use crate::words::DEFAULT_PAYLOAD_LIMIT;

/// The longest body of an answer, in bytes: 1 MiB, the longest result that orch stores by default.
pub const ANSWER_LIMIT: usize = DEFAULT_PAYLOAD_LIMIT;

/// Reads an answer in JSON as the handler's type, with the right ending for every way in which it
/// can break.
///
/// | the answer | what comes back |
/// |---|---|
/// | a 2xx whose whole body is a `T` | `Ok` |
/// | 204 or 205, which have no body | as the body `null`: `Ok` for `()` and `Option` |
/// | another status | an [`AnswerError`] with the ending of [`HttpOutcome`], and the body |
/// | the same, and its body breaks off | the same; in doubt instead of *fail*, because what the body says of the refusal is not known |
/// | a 2xx whose body breaks off, by its length, its chunks, its stream, or because it ends early | in doubt |
/// | a 2xx whose body has no length, and is a number | in doubt: a part of a number is a number too |
/// | a 2xx of another content type than JSON, such as a login page. None at all is taken as JSON | in doubt |
/// | a 2xx that is no `T`, or has something after it | in doubt |
/// | a 2xx with more than [`ANSWER_LIMIT`] bytes | in doubt |
/// | 206, a part of an answer | in doubt |
///
/// For 202 (accepted, not done yet) and 207 (several answers in one) only the body says whether the
/// call succeeded: look at the `T` before you return `Ok`.
///
/// This does not know the provider. Where its contract has words, a refusal can mean *done already*, and a 2xx
/// can be a refusal: [`HttpOutcome::read`] looks at them first.
///
/// ```
/// # use orch_core::policies as orch;
/// use orch::http::{AnswerError, answer};
///
/// # #[derive(serde::Deserialize)]
/// # struct Receipt {}
/// async fn charge(client: &reqwest::Client, key: &str) -> Result<Receipt, AnswerError> {
///     let request = client.post("https://gateway.example/charges").header("Idempotency-Key", key);
///     answer(request.send().await?).await
/// }
/// ```
///
/// # Errors
/// [`AnswerError`], as the table says. Its text never holds a part of the body.
pub async fn answer<T: DeserializeOwned>(response: Response) -> Result<T, AnswerError> {
    let head = Head::of(&response);
    let body = accepted(response).await?;
    head.read(&body).map_err(AnswerError::unreadable)
}

/// [`answer`], where `judge` says of each answer whether it is a success, by its status, its headers and the
/// provider's own code, which `code` finds in its body.
pub(crate) async fn judged<T: DeserializeOwned>(
    response: Response,
    code: impl FnOnce(&Value) -> Option<String>,
    judge: impl FnOnce(StatusCode, &HeaderMap, Option<&str>) -> Option<HttpOutcome>,
) -> Result<T, AnswerError> {
    let (head, status, headers) =
        (Head::of(&response), response.status(), response.headers().clone());
    let body = whole_body(response).await;
    let json = body.as_ref().ok().and_then(|body| serde_json::from_slice(body).ok());
    let code = json.as_ref().and_then(code);
    match judge(status, &headers, code.as_deref()) {
        Some(outcome) => Err(AnswerError::refused(outcome, body)),
        None => body.and_then(|body| head.read(&body)).map_err(AnswerError::unreadable),
    }
}

/// The same for an answer that is not JSON: `parse` reads the body, and says by `None` that it is
/// not what it should be.
///
/// A body without a length (HTTP/1 until the connection closes) may have been cut where nothing
/// shows it: `parse` must refuse a text that ends early. What ends with a closing tag or a checksum
/// shows it; a plain number or a line of text does not.
///
/// # Errors
/// [`AnswerError`] as of [`answer`], without the rules for the content type, 204, 205 and numbers.
pub async fn answer_with<T>(
    response: Response,
    parse: impl FnOnce(&[u8]) -> Option<T>,
) -> Result<T, AnswerError> {
    let partial = response.status() == StatusCode::PARTIAL_CONTENT;
    let body = accepted(response).await?;
    if partial {
        return Err(AnswerError::unreadable(Unreadable::Partial));
    }
    parse(&body).ok_or_else(|| AnswerError::unreadable(Unreadable::OtherForm))
}

/// The body of a 2xx.
async fn accepted(response: Response) -> Result<Vec<u8>, AnswerError> {
    let refused = HttpOutcome::from_status(response.status(), response.headers());
    let body = whole_body(response).await;
    match refused {
        Some(outcome) => Err(AnswerError::refused(outcome, body)),
        None => body.map_err(AnswerError::unreadable),
    }
}

async fn whole_body(mut response: Response) -> Result<Vec<u8>, Unreadable> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| Unreadable::BrokenOff)? {
        if body.len() + chunk.len() > ANSWER_LIMIT {
            return Err(Unreadable::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What the head of a 2xx says about its body.
struct Head {
    status: StatusCode,
    /// The content type, if it is another than JSON.
    other_type: Option<String>,
    /// True if the transport would notice a body that is cut.
    has_end: bool,
}

impl Head {
    fn of(response: &Response) -> Self {
        Self {
            status: response.status(),
            other_type: other_type(response.headers()),
            has_end: has_end(response.version(), response.headers()),
        }
    }

    fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Unreadable> {
        let body = match self.status {
            StatusCode::PARTIAL_CONTENT => return Err(Unreadable::Partial),
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT => b"null",
            _ => body,
        };
        if let Some(other) = &self.other_type {
            return Err(Unreadable::OtherType(other.clone()));
        }
        if !self.has_end && is_number(body) {
            return Err(Unreadable::NumberWithoutEnd);
        }
        serde_json::from_slice(body).map_err(|error| Unreadable::of_json(&error))
    }
}

/// The media type, without its parameters, if it is not JSON (RFC 8259 §11, RFC 6838 §4.2.8).
fn other_type(headers: &HeaderMap) -> Option<String> {
    const LONGEST: usize = 60;
    let given = String::from_utf8_lossy(headers.get(CONTENT_TYPE)?.as_bytes()).to_lowercase();
    let media_type = given.split(';').next().unwrap_or_default().trim();
    let json = matches!(media_type, "application/json" | "text/json");
    let json = json || media_type.ends_with("+json");
    (!json).then(|| media_type.chars().take(LONGEST).collect())
}

/// HTTP/1 marks the end of a body by a length or by chunks, HTTP/2 and 3 by their frames. What is
/// left is a body up to the end of the connection, whoever ended that (RFC 9112 §6.3).
fn has_end(version: Version, headers: &HeaderMap) -> bool {
    let codings = headers.get_all(TRANSFER_ENCODING).iter().next_back();
    let chunked = |codings: &HeaderValue| {
        codings.as_bytes().to_ascii_lowercase().trim_ascii_end().ends_with(b"chunked")
    };
    version > Version::HTTP_11
        || headers.contains_key(CONTENT_LENGTH)
        || codings.is_some_and(chunked)
}

fn is_number(json: &[u8]) -> bool {
    let first = json.trim_ascii_start().first();
    first.is_some_and(|byte| byte.is_ascii_digit() || *byte == b'-')
}

/// Why an answer cannot be read. It holds nothing of the body, which may be confidential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreadable {
    BrokenOff,
    TooLong,
    Partial,
    OtherType(String),
    NumberWithoutEnd,
    OtherForm,
    Json { category: serde_json::error::Category, line: usize, column: usize },
}

impl Unreadable {
    /// serde_json quotes the value that does not fit, so its text is not kept.
    fn of_json(error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        Self::Json { category: error.classify(), line, column }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use serde_json::error::Category;
        match self {
            Self::BrokenOff => f.write_str("its body breaks off, or does not end in time"),
            Self::TooLong => write!(f, "its body is longer than {ANSWER_LIMIT} bytes"),
            Self::Partial => f.write_str("it is only a part (206)"),
            Self::OtherType(other) => write!(f, "it is {other:?}, not JSON"),
            Self::NumberWithoutEnd => f.write_str("it is a number that may have been cut"),
            Self::OtherForm => f.write_str("it does not have the form that was expected"),
            Self::Json { category, line, column } => {
                f.write_str(match category {
                    Category::Eof => "its JSON ends early",
                    Category::Data => "its JSON is not of the type that was expected",
                    Category::Syntax | Category::Io => "it is no JSON",
                })?;
                write!(f, ", line {line}, column {column}")
            }
        }
    }
}
