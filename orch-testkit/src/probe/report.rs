use std::fmt;

/// What a probe has found about one promise of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Which promise.
    pub promise: Promise,
    /// Whether the provider keeps it.
    pub verdict: Verdict,
    /// What was seen.
    pub seen: String,
    /// What to do; `None` where it agrees.
    pub remedy: Option<String>,
}

/// A part of a contract that a probe looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Promise {
    /// What a repeated key gets after a success: `REPEAT`.
    RepeatedKey,
    /// What the key gets with another body: the word for *other body*.
    OtherBody,
    /// What a repeated key gets after an error without an effect: `REPEAT`.
    AfterError,
    /// What a repeated key gets after an error behind the act: `REPEAT`.
    BehindTheAct,
    /// What a second call gets while the first one is at work: the word for *still running*.
    InFlight,
    /// How long a key is remembered: `KEY_LIFETIME`. Never seen.
    Lifetime,
}

/// How the contract stands against what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is so, or the provider does more than the contract relies on.
    Agrees,
    /// It is not so: the contract is wrong.
    Differs,
    /// It could not be seen.
    Unseen,
}

/// What a probe has found: a finding for each [`Promise`]. `Display` shows it line by line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeReport {
    provider: &'static str,
    findings: Vec<Finding>,
}

impl ProbeReport {
    pub(super) const fn new(provider: &'static str, findings: Vec<Finding>) -> Self {
        Self { provider, findings }
    }

    /// All findings, in the order in which they were made.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What agrees.
    pub fn agrees(&self) -> impl Iterator<Item = &Finding> {
        self.with(Verdict::Agrees)
    }

    /// What differs.
    pub fn differs(&self) -> impl Iterator<Item = &Finding> {
        self.with(Verdict::Differs)
    }

    /// What could not be seen.
    pub fn unseen(&self) -> impl Iterator<Item = &Finding> {
        self.with(Verdict::Unseen)
    }

    fn with(&self, verdict: Verdict) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.verdict == verdict)
    }

    /// Fails the test where anything differs. What could not be seen does not fail it.
    ///
    /// # Panics
    /// With the report, if anything differs.
    #[track_caller]
    pub fn assert_agrees(&self) {
        assert!(self.differs().next().is_none(), "{self}");
    }
}

impl fmt::Display for ProbeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the contract of {}, and what its provider did:", self.provider)?;
        for Finding { promise, verdict, seen, remedy } in &self.findings {
            writeln!(f, "  {:<8} {promise}: {seen}", verdict.to_string())?;
            if let Some(remedy) = remedy {
                writeln!(f, "  {:<8} help: {remedy}", "")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::RepeatedKey => "a repeated key",
            Self::OtherBody => "another body",
            Self::AfterError => "behind an error",
            Self::BehindTheAct => "behind an error after the act",
            Self::InFlight => "while the first call runs",
            Self::Lifetime => "how long a key is remembered",
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Agrees => "agrees",
            Self::Differs => "DIFFERS",
            Self::Unseen => "not seen",
        })
    }
}
