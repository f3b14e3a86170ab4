//! How long one call may take, by the timeout of its attempt.

use std::time::Duration;

/// How much earlier than the attempt a call ends, at most; otherwise a tenth of the attempt.
const MARGIN: Duration = Duration::from_secs(1);
/// The longest time for a connection; otherwise a quarter of the call.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);

pub(super) fn call_timeout(attempt: Duration) -> Duration {
    attempt.saturating_sub(MARGIN.min(attempt / 10))
}

pub(super) fn connect_timeout(call: Duration) -> Duration {
    LONGEST_CONNECT.min(call / 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_figures_of_the_tables_are_those_of_the_default() {
        let call = call_timeout(crate::policies::DEFAULT_ATTEMPT_TIMEOUT);
        assert_eq!(call, Duration::from_secs(29));
        assert_eq!(connect_timeout(call), Duration::from_millis(7250));
    }

    proptest! {
        #[test]
        fn connecting_ends_before_the_call_and_the_call_before_the_attempt(
            nanos in 10_u64..,
        ) {
            let attempt = Duration::from_nanos(nanos);
            let call = call_timeout(attempt);
            prop_assert!(call < attempt && connect_timeout(call) < call);
        }
    }
}
