//! The arithmetic of pairs: medians, and how far a median can be trusted.

/// The least share of comparisons whose interval holds the true median.
const CONFIDENCE: f64 = 0.9;

/// A median, and the interval in which the true one lies with 90 % confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// The value in the middle; of an even number of values the mean of the two.
    pub median: f64,
    /// Both ends of the interval. `None` if there are too few values for one: under five.
    pub interval: Option<(f64, f64)>,
}

impl Spread {
    /// Of these values; `None` of none.
    ///
    /// The interval is that of the sign test: it lies between two of the values and assumes nothing of
    /// how they are distributed. Each value is on either side of the true median like a coin, so the k
    /// lowest and the k highest are left out for the largest k at which that would be wrong in at most one
    /// of ten cases. Of nine values it is the second to the eighth.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let median = middle(&sorted)?;
        let interval = left_out(sorted.len())
            .and_then(|k| Some((*sorted.get(k)?, *sorted.get(sorted.len().checked_sub(k + 1)?)?)));
        Some(Self { median, interval })
    }
}

/// The value in the middle; `None` of none.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    Spread::of(values).map(|spread| spread.median)
}

/// Each `new` by the `other` of its pair. A pair in which the other is 0 has no ratio.
pub(crate) fn ratios(pairs: &[(f64, f64)]) -> Vec<f64> {
    pairs.iter().filter(|(other, _)| *other > 0.0).map(|(other, new)| new / other).collect()
}

fn middle(sorted: &[f64]) -> Option<f64> {
    let half = sorted.len() / 2;
    let upper = *sorted.get(half)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*sorted.get(half - 1)?, upper))
}

/// How many values at each end lie outside the interval; `None` if even the lowest and the highest are too
/// near.
fn left_out(count: usize) -> Option<usize> {
    let (mut outside, mut binomial) = (0.0, 0.5_f64.powi(i32::try_from(count).ok()?));
    let mut fits = None;
    for k in 0..count / 2 + count % 2 {
        // P(fewer than k + 1 of them are below the true median), for both sides.
        outside += 2.0 * binomial;
        if outside > 1.0 - CONFIDENCE {
            break;
        }
        fits = Some(k);
        #[expect(clippy::cast_precision_loss, reason = "a number of pairs")]
        let next = (count - k) as f64 / (k + 1) as f64;
        binomial *= next;
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_value_or_the_mean_of_two() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }

    #[test]
    fn the_interval_is_that_of_the_sign_test() {
        // The table of the test: of 5 to 7 values none is left out, of 8 to 10 one, of 11 and 12 two.
        for (count, left) in
            [(1, None), (4, None), (5, Some(0)), (7, Some(0)), (8, Some(1)), (9, Some(1))]
        {
            assert_eq!(left_out(count), left, "{count}");
        }
        assert_eq!((left_out(10), left_out(11), left_out(13)), (Some(1), Some(2), Some(3)));
        let nine: Vec<f64> = (1..=9).rev().map(f64::from).collect();
        let spread = Spread::of(&nine);
        assert_eq!(spread, Some(Spread { median: 5.0, interval: Some((2.0, 8.0)) }));
        assert_eq!(Spread::of(&[1.0, 2.0]), Some(Spread { median: 1.5, interval: None }));
    }

    #[test]
    fn a_ratio_is_taken_within_its_pair() {
        assert_eq!(ratios(&[(2.0, 3.0), (4.0, 2.0)]), [1.5, 0.5]);
        assert_eq!(ratios(&[(0.0, 3.0)]), [0.0; 0]);
    }
}
