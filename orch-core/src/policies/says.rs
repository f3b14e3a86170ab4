/// What one of a provider's own answers means for the call, where its status alone says something else
/// or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Says {
    /// The provider has a call with this key or reference and is at work on it.
    StillRunning,
    /// It has been done already, by a call with this key or reference: it reads like a refusal and is
    /// none.
    Done,
    /// The key came with another body than the first time. The first call may have acted.
    OtherBody,
    /// It will not be done: a decline. This call has not acted.
    Refused,
}
