use std::fmt;

/// Where the process is killed, in the order of an attempt.
///
/// Around a call of the store there are two kinds: before it, so that it did not take effect, and
/// after it, so that it did but its reply is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Boundary {
    /// Before the command is stored.
    Accepting,
    /// The command is stored; the client has no answer.
    Accepted,
    /// Before the claim is stored; the client has its answer.
    Claiming,
    /// The claim is stored; the handler has not begun.
    Claimed,
    /// The call has reached the provider, which acts on it; its answer is on the way.
    Sent,
    /// The answer is there, and not in the log yet.
    Answered,
    /// The answer is in the log; the status has not followed. Only with a finalize hook: without
    /// one, log and status are one statement.
    Logged,
    /// Before the finalizing transaction. Only with a finalize hook.
    Finalizing,
    /// The finalize hook has run; its transaction is not committed. Only with a finalize hook.
    Hook,
    /// What follows from the answer is stored; the worker has not been told.
    Finalized,
}

impl Boundary {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Accepting,
        Self::Accepted,
        Self::Claiming,
        Self::Claimed,
        Self::Sent,
        Self::Answered,
        Self::Logged,
        Self::Finalizing,
        Self::Hook,
        Self::Finalized,
    ];

    /// True for those that a handler has only with a finalize hook.
    #[must_use]
    pub const fn needs_hook(self) -> bool {
        matches!(self, Self::Logged | Self::Finalizing | Self::Hook)
    }

    /// The name, one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepting => "accepting",
            Self::Accepted => "accepted",
            Self::Claiming => "claiming",
            Self::Claimed => "claimed",
            Self::Sent => "sent",
            Self::Answered => "answered",
            Self::Logged => "logged",
            Self::Finalizing => "finalizing",
            Self::Hook => "hook",
            Self::Finalized => "finalized",
        }
    }

    /// When the process dies, in words.
    #[must_use]
    pub const fn when(self) -> &'static str {
        match self {
            Self::Accepting => "before the command is stored",
            Self::Accepted => "after the command is stored, before the client hears of it",
            Self::Claiming => "before the claim is stored",
            Self::Claimed => "after the claim is stored, before the handler begins",
            Self::Sent => "after the provider has acted, before its answer",
            Self::Answered => "after the answer, before it is in the log",
            Self::Logged => "after the answer is in the log, before the status follows",
            Self::Finalizing => "before the finalizing transaction",
            Self::Hook => "inside the finalize hook, before the commit",
            Self::Finalized => "after the status has followed, before the worker hears of it",
        }
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
