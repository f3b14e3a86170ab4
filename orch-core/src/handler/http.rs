//! [`HttpOutcome`] as what a handler returns, by the host's clock.

use http::{HeaderMap, StatusCode};

use super::HandlerError;
use crate::policies::Ending;
use crate::policies::http::{HttpOutcome, Said};
use crate::provider::{Keeps, Provider, Repeat, Word};
use crate::store::{Clock, SystemClock};

impl HttpOutcome {
    /// The outcome of an answer; `None` for a 2xx.
    ///
    /// It is taken as the answer to a keyed call, the most cautious reading: where any effect
    /// would leave doubt, `keyed` does. See [`for_effect`](Self::for_effect).
    #[must_use]
    pub fn from_status(status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        Self::at(status, headers, SystemClock.now())
    }

    /// The same for use with `?`.
    ///
    /// # Errors
    /// The outcome, unless the answer is a 2xx.
    pub fn check(status: StatusCode, headers: &HeaderMap) -> Result<(), Self> {
        Self::from_status(status, headers).map_or(Ok(()), Err)
    }
}

/// By the contract of the provider.
impl HttpOutcome {
    /// The outcome of an answer of this provider; `None` for a success. `code` is the provider's own code,
    /// from the body of the answer: the contract says which field that is. The words of the contract
    /// come first, so that an answer with a 2xx may be an error too; what is no word is taken as
    /// [`from_status`](Self::from_status) does, except that a 5xx is in doubt, also with `Retry-After`, where
    /// the provider does not keep what has acted behind it.
    #[must_use]
    pub fn of<P: Provider>(
        status: StatusCode,
        headers: &HeaderMap,
        code: Option<&str>,
    ) -> Option<Self> {
        let now = SystemClock.now();
        match Word::find(P::WORDS, status.as_u16(), code) {
            Some(&Word { code, says, .. }) => {
                Some(Self::saying(Said { says, code }, status, headers, now))
            }
            None => {
                let keeps =
                    matches!(P::REPEAT, Repeat::Answers(Keeps::Everything | Keeps::Effects));
                Self::at(status, headers, now).map(|it| it.that_acts_behind_errors(!keeps))
            }
        }
    }

    /// The same for use with `?`.
    ///
    /// # Errors
    /// The outcome, unless the answer is a success.
    pub fn check_of<P: Provider>(
        status: StatusCode,
        headers: &HeaderMap,
        code: Option<&str>,
    ) -> Result<(), Self> {
        Self::of::<P>(status, headers, code).map_or(Ok(()), Err)
    }
}

#[cfg(feature = "reqwest")]
impl HttpOutcome {
    /// [`answer`](crate::policies::http::answer) of this provider, with [`HttpOutcome::of`] for what is no
    /// success: by the words of its contract first, so that a refusal that means *done already* and a 2xx that
    /// is a refusal end as what they are. `code` finds the provider's own code in the body of any answer; the
    /// contract says which field that is.
    ///
    /// ```
    /// # use orch_core::{policies as orch, provider};
    /// use orch::http::{AnswerError, HttpOutcome};
    /// use provider::catalogue::Stripe;
    ///
    /// # #[derive(serde::Deserialize)]
    /// # struct Charge {}
    /// async fn charge(request: reqwest::RequestBuilder) -> Result<Charge, AnswerError> {
    ///     let answer = request.send().await?;
    ///     HttpOutcome::read::<Stripe, _>(answer, |body| {
    ///         let error = &body["error"];
    ///         Some(error["code"].as_str().or(error["type"].as_str())?.to_owned())
    ///     })
    ///     .await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`AnswerError`](crate::policies::http::AnswerError).
    pub async fn read<P: Provider, T: serde::de::DeserializeOwned>(
        answer: reqwest::Response,
        code: impl FnOnce(&serde_json::Value) -> Option<String>,
    ) -> Result<T, crate::policies::http::AnswerError> {
        crate::policies::http::judged(answer, code, Self::of::<P>).await
    }
}

#[cfg(feature = "reqwest")]
impl HandlerError for crate::policies::http::AnswerError {
    fn ending(&self) -> Ending {
        self.ending()
    }
}

impl HandlerError for HttpOutcome {
    fn ending(&self) -> Ending {
        self.ending()
    }
}

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;
    use std::time::Duration;

    use super::*;
    use crate::policies::{Effect, Says};
    use crate::provider::catalogue::Stripe;

    enum Acme {}

    impl Provider for Acme {
        const NAME: &'static str = "Acme";
        const WORDS: &'static [Word] = &[
            Word::of(409, "in_use", Says::StillRunning),
            Word::of_code("ALREADY_PAID", Says::Done),
            Word::of_code("1172", Says::Done),
            Word::of_status(422, Says::OtherBody),
            Word::of(400, "DECLINED", Says::Refused),
            Word::of_status(410, Says::Refused),
        ];
    }

    fn ending(status: u16, code: Option<&str>) -> Option<Ending> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, 7.into());
        let status = StatusCode::from_u16(status).unwrap();
        HttpOutcome::of::<Acme>(status, &headers, code).map(|outcome| outcome.ending())
    }

    #[test]
    fn a_word_of_the_contract_comes_before_the_table() {
        let after = Some(Duration::from_secs(7));
        for (status, code, expected) in [
            (409, Some("in_use"), Some(Ending::StillRunning { after })),
            (409, Some("other"), Some(Ending::InDoubt)),
            (400, Some("ALREADY_PAID"), Some(Ending::AlreadyDone)),
            (200, Some("1172"), Some(Ending::AlreadyDone)),
            (200, Some("0000"), None),
            (422, None, Some(Ending::InDoubt)),
            (400, Some("DECLINED"), Some(Ending::fail("DECLINED", false))),
            (410, Some("GONE"), Some(Ending::fail("HTTP_410", false))),
            (400, Some("BAD"), Some(Ending::fail("HTTP_400", false))),
            (429, None, Some(Ending::Retry { after })),
            (503, None, Some(Ending::InDoubt)),
        ] {
            assert_eq!(ending(status, code), expected, "{status} {code:?}");
        }
    }

    #[test]
    fn a_provider_that_keeps_what_has_acted_may_ask_to_wait() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, 7.into());
        let ending = |answer: Option<HttpOutcome>| answer.map(|outcome| outcome.ending());
        let busy = HttpOutcome::of::<Stripe>(StatusCode::SERVICE_UNAVAILABLE, &headers, None);
        assert_eq!(ending(busy), Some(Ending::Retry { after: Some(Duration::from_secs(7)) }));
        let read = HttpOutcome::of::<Acme>(StatusCode::SERVICE_UNAVAILABLE, &headers, None);
        let read = read.map(|outcome| outcome.for_effect(Effect::Read));
        assert_eq!(ending(read), Some(Ending::Retry { after: Some(Duration::from_secs(7)) }));
    }

    #[cfg(feature = "reqwest")]
    #[tokio::test]
    async fn an_answer_of_the_client_is_read_by_the_words_first() {
        async fn read(status: u16, body: &'static str) -> Result<u64, Ending> {
            let answer = http::Response::builder().status(status);
            let answer = answer.header("content-type", "application/json").body(body).unwrap();
            let code = |body: &serde_json::Value| Some(body["code"].as_str()?.to_owned());
            #[derive(serde::Deserialize)]
            struct Receipt {
                #[serde(default)]
                receipt: u64,
            }
            let read = HttpOutcome::read::<Acme, Receipt>(answer.into(), code).await;
            read.map(|receipt| receipt.receipt).map_err(|error| error.ending())
        }
        assert_eq!(read(200, r#"{"receipt": 7}"#).await, Ok(7));
        assert_eq!(read(200, r#"{"code": "0000", "receipt": 7}"#).await, Ok(7));
        assert_eq!(read(200, r#"{"code": "1172"}"#).await, Err(Ending::AlreadyDone));
        assert_eq!(read(400, r#"{"code": "ALREADY_PAID"}"#).await, Err(Ending::AlreadyDone));
        let declined = Err(Ending::fail("DECLINED", false));
        assert_eq!(read(400, r#"{"code": "DECLINED"}"#).await, declined);
        assert_eq!(read(400, "not found").await, Err(Ending::fail("HTTP_400", false)));
        assert_eq!(read(200, r#"{"receipt": "#).await, Err(Ending::InDoubt));
    }

    #[test]
    fn an_answer_is_told_by_what_the_contract_names_and_not_by_what_the_body_holds() {
        let text = |code| {
            let said = HttpOutcome::check_of::<Acme>(StatusCode::CONFLICT, &HeaderMap::new(), code);
            said.unwrap_err().to_string()
        };
        assert_eq!(text(Some("in_use")), "the provider answered 409 Conflict (in_use)");
        assert_eq!(text(Some("card 4242 declined")), "the provider answered 409 Conflict");
    }
}
