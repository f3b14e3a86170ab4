//! A contract of each kind.

use std::time::Duration;

use orch_core::policies::Says;
use orch_core::provider::{Keeps, KeyLifetime, Provider, Repeat, Word};

macro_rules! contract {
    ($name:ident, $repeat:expr, $words:expr) => {
        pub enum $name {}

        impl Provider for $name {
            const NAME: &'static str = stringify!($name);
            const REPEAT: Repeat = $repeat;
            const KEY_LIFETIME: KeyLifetime = KeyLifetime::AtLeast(DAY);
            const WORDS: &'static [Word] = $words;
        }
    };
}

pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const RUNNING: Word = Word::of(409, "in_use", Says::StillRunning);
const DONE: Word = Word::of_code("ALREADY_PAID", Says::Done);
const OTHER: Word = Word::of(400, "reused", Says::OtherBody);
const DECLINED: Word = Word::of_code("DECLINED", Says::Refused);

contract!(Everything, Repeat::Answers(Keeps::Everything), &[RUNNING, DONE, OTHER, DECLINED]);
contract!(Effects, Repeat::Answers(Keeps::Effects), &[RUNNING, OTHER, DECLINED]);
contract!(Successes, Repeat::Answers(Keeps::Successes), &[RUNNING, OTHER, DECLINED]);
contract!(Refuses, Repeat::Refuses, &[DONE]);
contract!(Acts, Repeat::Acts, &[]);
// Without words.
contract!(Quiet, Repeat::Answers(Keeps::Effects), &[]);
