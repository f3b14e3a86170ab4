//! What a row is to reach, and whether it does.

use super::statistics::Spread;

/// What a row is to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// Nothing: it is there to explain another row.
    None,
    /// The median ratio is at least this.
    RatioAtLeast(f64),
    /// The median ratio is at most this.
    RatioAtMost(f64),
    /// The figure of the new binary is at most this, whatever the other one's is.
    AtMost(f64),
}

/// Whether a goal is met.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Met {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// There is none.
    NoGoal,
    /// Not known, and why: a binary does not know the workload, or has failed in it.
    Unknown(String),
}

impl Goal {
    /// Whether these figures meet it. A figure that is missing meets no goal.
    pub(crate) fn met(self, new: Option<f64>, ratio: Option<Spread>) -> Met {
        let (figure, reached): (_, fn(f64, f64) -> bool) = match self {
            Self::None => return Met::NoGoal,
            Self::RatioAtLeast(_) => {
                (ratio.map(|ratio| ratio.median), |figure, goal| figure >= goal)
            }
            Self::RatioAtMost(_) => {
                (ratio.map(|ratio| ratio.median), |figure, goal| figure <= goal)
            }
            Self::AtMost(_) => (new, |figure, goal| figure <= goal),
        };
        match (figure, self.bound()) {
            (Some(figure), Some(bound)) if reached(figure, bound) => Met::Yes,
            (Some(_), _) => Met::No,
            (None, _) => Met::Unknown("nothing was measured".into()),
        }
    }

    /// Whether the goal lies within the interval of the ratio: then the next comparison may answer
    /// otherwise.
    pub(crate) fn is_close(self, ratio: Option<Spread>) -> bool {
        let interval = ratio.and_then(|ratio| ratio.interval);
        match (self, interval) {
            (Self::RatioAtLeast(bound) | Self::RatioAtMost(bound), Some((low, high))) => {
                low < bound && bound < high
            }
            _ => false,
        }
    }

    /// As a table shows it.
    pub(crate) fn text(self) -> String {
        match self {
            Self::None => String::new(),
            Self::RatioAtLeast(bound) => format!("≥ {bound} ×"),
            Self::RatioAtMost(bound) => format!("≤ {bound} ×"),
            Self::AtMost(bound) => format!("≤ {bound}"),
        }
    }

    const fn bound(self) -> Option<f64> {
        match self {
            Self::None => None,
            Self::RatioAtLeast(bound) | Self::RatioAtMost(bound) | Self::AtMost(bound) => {
                Some(bound)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(median: f64) -> Option<Spread> {
        Some(Spread { median, interval: Some((median - 0.1, median + 0.1)) })
    }

    #[test]
    fn a_goal_is_met_by_the_median_ratio_or_by_the_figure() {
        assert_eq!(Goal::RatioAtLeast(1.6).met(None, ratio(1.6)), Met::Yes);
        assert_eq!(Goal::RatioAtLeast(1.6).met(Some(9e9), ratio(1.59)), Met::No);
        assert_eq!(Goal::RatioAtMost(0.65).met(None, ratio(0.65)), Met::Yes);
        assert_eq!(Goal::RatioAtMost(0.65).met(Some(0.0), ratio(0.66)), Met::No);
        assert_eq!(Goal::AtMost(3.0).met(Some(3.0), None), Met::Yes);
        assert_eq!(Goal::AtMost(3.0).met(Some(4.0), ratio(0.1)), Met::No);
        assert_eq!(Goal::None.met(Some(1.0), ratio(1.0)), Met::NoGoal);
    }

    #[test]
    fn what_is_not_measured_meets_nothing() {
        for goal in [Goal::RatioAtLeast(0.0), Goal::RatioAtMost(9e9), Goal::AtMost(9e9)] {
            assert!(matches!(goal.met(None, None), Met::Unknown(_)), "{goal:?}");
        }
        assert_eq!(Goal::AtMost(1.0).met(Some(f64::NAN), None), Met::No);
    }

    #[test]
    fn a_goal_within_the_interval_is_close() {
        assert!(Goal::RatioAtLeast(1.0).is_close(ratio(1.05)));
        assert!(!Goal::RatioAtLeast(1.0).is_close(ratio(1.2)));
        assert!(!Goal::AtMost(1.0).is_close(ratio(1.0)));
    }
}
