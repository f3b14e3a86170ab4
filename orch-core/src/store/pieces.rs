/// So many refusals end a batch: then the database is at fault rather than a row.
const REFUSALS: usize = 8;

/// A batch that is carried out in smaller pieces where the database refuses it whole, so that what it
/// refuses is alone in the end and holds up none of the others.
#[derive(Debug)]
pub struct Pieces<'a, T> {
    left: Vec<&'a [T]>,
    refusals: usize,
}

impl<'a, T> Pieces<'a, T> {
    /// The whole batch, in one piece. An empty one has none.
    #[must_use]
    pub fn of(batch: &'a [T]) -> Self {
        let left = if batch.is_empty() { Vec::new() } else { vec![batch] };
        Self { left, refusals: 0 }
    }

    /// The database has refused this piece. Its halves come next; of a piece of one that is the item
    /// itself, returned. After eight of those no piece is left.
    pub fn refused(&mut self, piece: &'a [T]) -> Option<&'a T> {
        if let [alone] = piece {
            self.refusals += 1;
            if self.refusals == REFUSALS {
                self.left.clear();
            }
            return Some(alone);
        }
        let (first, second) = piece.split_at(piece.len() / 2);
        self.left.extend([second, first].into_iter().filter(|half| !half.is_empty()));
        None
    }
}

impl<'a, T> Iterator for Pieces<'a, T> {
    type Item = &'a [T];

    fn next(&mut self) -> Option<&'a [T]> {
        self.left.pop()
    }
}

/// The same for a verb that takes as many as a limit allows: what it has taken it does not find again, so
/// the next piece begins after it.
#[derive(Debug)]
pub struct Limits {
    left: Vec<usize>,
    refusals: usize,
}

impl Limits {
    /// One limit. Zero is none.
    #[must_use]
    pub fn of(limit: usize) -> Self {
        let left = if limit == 0 { Vec::new() } else { vec![limit] };
        Self { left, refusals: 0 }
    }

    /// The database has refused what was found within this limit: halves of it come next. True for a
    /// limit of one: then the one found is what is refused. After eight of those no limit is left.
    pub fn refused(&mut self, limit: usize) -> bool {
        if limit <= 1 {
            self.refusals += 1;
            if self.refusals == REFUSALS {
                self.left.clear();
            }
            return true;
        }
        self.left.extend([limit - limit / 2, limit / 2]);
        false
    }
}

impl Iterator for Limits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_good_ones_pass_in_order_and_the_bad_ones_are_alone() {
        let batch: Vec<u32> = (0..20).collect();
        let bad = [3, 4, 19];
        let (mut passed, mut refused) = (Vec::new(), Vec::new());
        let mut pieces = Pieces::of(&batch);
        while let Some(piece) = pieces.next() {
            if piece.iter().any(|item| bad.contains(item)) {
                refused.extend(pieces.refused(piece));
            } else {
                passed.extend(piece);
            }
        }
        let good: Vec<u32> = batch.iter().copied().filter(|item| !bad.contains(item)).collect();
        assert_eq!((passed, refused), (good, bad.to_vec()));
    }

    #[test]
    fn a_database_that_refuses_all_is_asked_a_few_times_only() {
        let batch = [(); 1000];
        let (mut pieces, mut asked) = (Pieces::of(&batch), 0);
        while let Some(piece) = pieces.next() {
            asked += 1;
            pieces.refused(piece);
        }
        assert!((8..40).contains(&asked), "{asked}");
        let (mut limits, mut asked) = (Limits::of(1000), 0);
        while let Some(limit) = limits.next() {
            asked += 1;
            limits.refused(limit);
        }
        assert!((8..40).contains(&asked), "{asked}");
    }

    #[test]
    fn nothing_is_no_piece() {
        assert_eq!(Pieces::<()>::of(&[]).next(), None);
        assert_eq!(Limits::of(0).next(), None);
    }

    #[test]
    fn a_limit_is_never_exceeded() {
        let (mut limits, mut queue, mut taken) = (Limits::of(10), (0..30).collect::<Vec<_>>(), 0);
        while let Some(limit) = limits.next() {
            if queue.iter().take(limit).any(|item| [0, 4].contains(item)) {
                if limits.refused(limit) {
                    queue.remove(0);
                    taken += 1;
                }
                continue;
            }
            queue.drain(..limit);
            taken += limit;
        }
        assert_eq!((taken, queue.len()), (10, 20));
    }
}
