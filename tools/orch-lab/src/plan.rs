//! What a seed decides, and what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

/// A random source that these numbers decide.
pub fn dice(numbers: &[u64]) -> fastrand::Rng {
    let seed = numbers.iter().fold(0x6a09_e667_f3bc_c908_u64, |mix, number| {
        let mixed = (mix ^ number).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed ^ (mixed >> 33)
    });
    fastrand::Rng::with_seed(seed)
}

/// Each of these as often as it says, evenly over a run from 0.0 to 1.0, with jitter; in order.
pub fn spread<T: Copy>(dice: &mut fastrand::Rng, counts: &[(T, u32)]) -> Vec<(f64, T)> {
    let mut places = Vec::new();
    for (what, count) in counts {
        for nth in 0..*count {
            places.push(((f64::from(nth) + dice.f64()) / f64::from(*count), *what));
        }
    }
    places.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    places
}

/// Microseconds since 1970. All processes of a run, the server included, share this host's clock.
#[expect(clippy::disallowed_methods, reason = "evidence; it decides nothing in the engine")]
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_depend_on_every_number_and_on_nothing_else() {
        let thrown = |numbers: &[u64]| dice(numbers).u64(..);
        assert_eq!(thrown(&[1, 2, 3]), thrown(&[1, 2, 3]));
        let others: [&[u64]; 4] = [&[2, 2, 3], &[1, 3, 3], &[1, 2, 4], &[1, 2]];
        assert!(others.iter().all(|other| thrown(other) != thrown(&[1, 2, 3])));
    }

    #[test]
    fn each_has_its_place_as_often_as_planned_and_they_take_turns() {
        for (kills, pauses) in [(0, 0), (6, 2), (8, 3), (0, 2), (3, 0), (1, 5)] {
            let places = spread(&mut dice(&[1]), &[("kill", kills), ("pause", pauses)]);
            let paused = places.iter().filter(|(_, what)| *what == "pause").count();
            assert_eq!((places.len(), paused), ((kills + pauses) as usize, pauses as usize));
            let halves = places.iter().filter(|(place, _)| *place < 0.5).count();
            assert!(halves.abs_diff(places.len() - halves) <= 2, "{places:?}");
        }
    }
}
