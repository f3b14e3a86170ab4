/// So many refusals, with nothing that passes between them, end a batch: then the database is at fault
/// rather than a row.
const REFUSALS: usize = 8;

/// How many have been refused in a row.
#[derive(Debug, Default)]
struct Row {
    refusals: usize,
    /// A piece is out, of which no refusal has been told.
    is_asked: bool,
}

impl Row {
    /// The next piece goes out. The one before it has passed, unless it was refused.
    fn ask(&mut self) {
        if self.is_asked {
            self.refusals = 0;
        }
        self.is_asked = true;
    }

    /// True if a lone item that is refused is the last one to be asked about.
    fn refused(&mut self, is_alone: bool) -> bool {
        self.is_asked = false;
        self.refusals += usize::from(is_alone);
        self.refusals == REFUSALS
    }
}

/// A batch that is carried out in smaller pieces where the database refuses it whole, so that what it
/// refuses is alone in the end and holds up none of the others.
#[derive(Debug)]
pub struct Pieces<'a, T> {
    left: Vec<&'a [T]>,
    row: Row,
}

impl<'a, T> Pieces<'a, T> {
    /// The whole batch, in one piece. An empty one has none.
    #[must_use]
    pub fn of(batch: &'a [T]) -> Self {
        let left = if batch.is_empty() { Vec::new() } else { vec![batch] };
        Self { left, row: Row::default() }
    }

    /// The database has refused this piece. Its halves come next; of a piece of one that is the item
    /// itself, returned. After eight of those in a row no piece is left.
    pub fn refused(&mut self, piece: &'a [T]) -> Option<&'a T> {
        if self.row.refused(piece.len() == 1) {
            self.left.clear();
        }
        if let [alone] = piece {
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
        self.row.ask();
        self.left.pop()
    }
}

/// The same for a verb that takes as many as a limit allows: what it has taken it does not find again, so
/// the next piece begins after it.
#[derive(Debug)]
pub struct Limits {
    left: Vec<usize>,
    row: Row,
}

impl Limits {
    /// One limit. Zero is none.
    #[must_use]
    pub fn of(limit: usize) -> Self {
        let left = if limit == 0 { Vec::new() } else { vec![limit] };
        Self { left, row: Row::default() }
    }

    /// The database has refused what was found within this limit: halves of it come next. True for a
    /// limit of one: then the one found is what is refused. After eight of those in a row no limit is left.
    pub fn refused(&mut self, limit: usize) -> bool {
        if self.row.refused(limit <= 1) {
            self.left.clear();
        }
        if limit <= 1 {
            return true;
        }
        self.left.extend([limit - limit / 2, limit / 2]);
        false
    }
}

impl Iterator for Limits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.row.ask();
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
    fn many_bad_ones_among_good_ones_are_all_found() {
        let batch: Vec<u32> = (0..200).collect();
        let (mut passed, mut refused) = (0, 0);
        let mut pieces = Pieces::of(&batch);
        while let Some(piece) = pieces.next() {
            if piece.iter().any(|item| item % 3 == 0) {
                refused += usize::from(pieces.refused(piece).is_some());
            } else {
                passed += piece.len();
            }
        }
        assert_eq!((passed, refused), (133, 67));
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
