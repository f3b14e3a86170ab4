//! Values of rich types, as commands and as results: they come back exactly, or are refused before
//! anything is stored.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use orch::internals::handler::Storable;
use orch::internals::words::Invalid;
use serde::{Deserialize, Serialize};

/// As many as `ORCH_ROUND_TRIPS` says; the figure in docs/evidence.md is of 100,000.
fn values() -> u32 {
    let given = std::env::var("ORCH_ROUND_TRIPS").ok();
    given.map_or(10_000, |count| count.parse().unwrap())
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Rich {
    signed: i128,
    unsigned: u128,
    small: (i8, u16),
    single: f32,
    double: f64,
    text: String,
    letter: char,
    bytes: Vec<u8>,
    maybe: Option<f64>,
    twice: Option<Option<u32>>,
    nothing: Option<()>,
    numbers: BTreeMap<u64, i64>,
    by_flag: HashMap<bool, String>,
    by_letter: BTreeMap<char, f32>,
    set: BTreeSet<i32>,
    unordered: HashSet<String>,
    outside: Outside,
    inside: Inside,
    beside: Beside,
    either: Either,
    price: rust_decimal::Decimal,
    span: Duration,
    day: jiff::civil::Date,
    instant: jiff::Timestamp,
    id: uuid::Uuid,
    #[serde(flatten)]
    rest: Rest,
    any: serde_json::Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Outside {
    Unit,
    One(u128),
    Two(f32, Option<u8>),
    Named { amount: f64, by: BTreeMap<i16, u8> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Inside {
    Card { last: String, amount: f64 },
    Coin { wei: u128 },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Beside {
    Rate(f32),
    Many(Vec<Option<i64>>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Either {
    Number(i64),
    Fraction(f64),
    Word(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Rest {
    depth: u32,
    share: f32,
}

struct Dice(fastrand::Rng);

impl Dice {
    fn text(&mut self) -> String {
        let letters = ['a', 'Z', '"', '\\', '\0', '\n', '/', 'é', '주', '😀', '\u{2028}', '\u{7f}'];
        (0..self.0.usize(..6)).map(|_| letters[self.0.usize(..letters.len())]).collect()
    }

    fn double(&mut self) -> f64 {
        match self.0.u8(..8) {
            0 => f64::from_bits(self.0.u64(..)),
            1 => 0.1 * f64::from(self.0.u16(..)),
            2 => -0.0,
            3 => f64::MIN_POSITIVE / f64::from(self.0.u8(1..)),
            _ => f64::from(self.0.i32(..)) / 100.0,
        }
    }

    fn single(&mut self) -> f32 {
        match self.0.u8(..4) {
            0 => f32::from_bits(self.0.u32(..)),
            _ => f32::from(self.0.i16(..)) / 100.0,
        }
    }

    fn signed(&mut self) -> i128 {
        self.0.i128(..) >> self.0.u32(..127)
    }

    fn some<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.0.bool().then(|| make(self))
    }

    fn rich(&mut self) -> Rich {
        let count = self.0.usize(..4);
        Rich {
            signed: self.signed(),
            unsigned: self.signed().unsigned_abs(),
            small: (self.0.i8(..), self.0.u16(..)),
            single: self.single(),
            double: self.double(),
            text: self.text(),
            letter: self.text().chars().next().unwrap_or('x'),
            bytes: (0..count).map(|_| self.0.u8(..)).collect(),
            maybe: self.some(Self::double),
            // Some(None) is written as None is; some must be refused.
            twice: self.some(|dice| (dice.0.u8(..8) > 0).then(|| dice.0.u32(..))),
            nothing: (self.0.u8(..16) == 0).then_some(()),
            numbers: (0..count).map(|_| (self.0.u64(..), self.0.i64(..))).collect(),
            by_flag: (0..count).map(|_| (self.0.bool(), self.text())).collect(),
            by_letter: (0..count).map(|_| (self.0.char(..), self.single())).collect(),
            set: (0..count).map(|_| self.0.i32(..)).collect(),
            unordered: (0..count).map(|_| self.text()).collect(),
            outside: match self.0.u8(..4) {
                0 => Outside::Unit,
                1 => Outside::One(self.signed().unsigned_abs()),
                2 => Outside::Two(self.single(), self.some(|dice| dice.0.u8(..))),
                _ => Outside::Named {
                    amount: self.double(),
                    by: (0..count).map(|_| (self.0.i16(..), self.0.u8(..))).collect(),
                },
            },
            inside: match self.0.bool() {
                true => Inside::Card { last: self.text(), amount: self.double() },
                // A tagged enum goes through a buffer that has no place for the largest.
                false => Inside::Coin { wei: self.signed().unsigned_abs() },
            },
            beside: match self.0.bool() {
                true => Beside::Rate(self.single()),
                false => {
                    Beside::Many((0..count).map(|_| self.some(|dice| dice.0.i64(..))).collect())
                }
            },
            either: match self.0.u8(..3) {
                0 => Either::Number(self.0.i64(..)),
                1 => Either::Fraction(self.double()),
                _ => Either::Word(self.text()),
            },
            price: rust_decimal::Decimal::new(self.0.i64(..), self.0.u32(..20)),
            span: Duration::from_nanos(self.0.u64(..)),
            day: jiff::civil::Date::constant(2024, 2, 29),
            instant: jiff::Timestamp::from_microsecond(self.0.i64(0..1 << 50)).unwrap(),
            id: uuid::Uuid::from_u128(self.0.u128(..)),
            rest: Rest { depth: self.0.u32(..), share: self.single() },
            any: serde_json::json!({ "n": self.0.u64(..), "s": [self.text(), null, self.0.i64(..)] }),
        }
    }
}

#[test]
fn a_value_comes_back_exactly_or_is_refused() {
    let mut dice = Dice(fastrand::Rng::with_seed(12));
    let (mut exact, mut refused) = (0_u32, 0_u32);
    let values = values();
    for _ in 0..values {
        let value = dice.rich();
        match value.to_payload() {
            Ok(payload) => {
                let back = Rich::from_payload(&payload).unwrap();
                assert_eq!(back, value);
                for (given, back) in
                    [(value.single, back.single), (value.rest.share, back.rest.share)]
                {
                    assert_eq!(given.to_bits(), back.to_bits());
                }
                assert_eq!(value.double.to_bits(), back.double.to_bits());
                exact += 1;
            }
            Err(Invalid::NotReadBack { .. }) => refused += 1,
            Err(other) => panic!("{other}: {value:?}"),
        }
    }
    println!("{exact} exact, {refused} refused");
    // Each has a chance of being refused; most must not be.
    assert!(exact > values / 4 && refused > values / 100, "{exact} exact, {refused} refused");
}
