//! Whether a value that was written and read back is still the one that was given.

use std::convert::identity;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::ser::{self, Serialize, Serializer};

/// The first difference between what was given and what was read back; `None` if there is none. JSON
/// itself cannot tell: it writes NaN and `Some(None)` as it writes `None`.
pub(crate) fn difference<T: Serialize>(given: &T, back: &T) -> Option<Difference> {
    let (Ok(given), Ok(back)) = (given.serialize(Digester), back.serialize(Digester)) else {
        return Some(Difference::Somewhere);
    };
    if given.digest == back.digest {
        return None;
    }
    let mut fields = given.fields.iter().zip(&back.fields);
    let field = fields.find(|(given, back)| given != back).map(|(field, _)| field.0);
    Some(field.map_or(Difference::Somewhere, Difference::In))
}

/// Where two values differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Difference {
    /// In this field of the struct.
    In(&'static str),
    /// It is not known where.
    Somewhere,
}

/// What a value says through `Serialize`, as a digest.
///
/// The order of lists and maps is left aside: a decoder keeps it, and of a hash set it means
/// nothing. Types of `f32` and `f64` are told apart, those of integers are not.
struct Digest {
    digest: u64,
    /// Of a struct: its fields, sorted by name.
    fields: Vec<(&'static str, u64)>,
}

impl Digest {
    fn leaf(kind: &str, value: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        (kind, value).hash(&mut hasher);
        Self { digest: hasher.finish(), fields: Vec::new() }
    }
}

/// The serializer that makes it.
#[derive(Clone, Copy)]
struct Digester;

/// A value could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the value cannot be written")]
struct NotWritable;

impl ser::Error for NotWritable {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self
    }
}

/// The values inside of another one, in no order.
struct Unordered {
    kind: &'static str,
    name: &'static str,
    digests: Vec<u64>,
    fields: Vec<(&'static str, u64)>,
    /// The digest of a map's key whose value is yet to come.
    key: u64,
}

impl Unordered {
    const fn new(kind: &'static str, name: &'static str) -> Self {
        Self { kind, name, digests: Vec::new(), fields: Vec::new(), key: 0 }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotWritable> {
        self.digests.push(value.serialize(Digester)?.digest);
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), NotWritable> {
        self.fields.push((name, value.serialize(Digester)?.digest));
        Ok(())
    }

    fn all(mut self) -> Digest {
        self.digests.sort_unstable();
        self.fields.sort_unstable();
        let whole = Digest::leaf(self.kind, (self.name, &self.digests, &self.fields));
        Digest { fields: self.fields, ..whole }
    }
}

macro_rules! leaves {
    ($($method:ident($type:ty) is $kind:literal, as $as:path;)*) => {$(
        fn $method(self, value: $type) -> Result<Digest, NotWritable> {
            Ok(Digest::leaf($kind, $as(value)))
        }
    )*};
}

impl Serializer for Digester {
    type Ok = Digest;
    type Error = NotWritable;
    type SerializeSeq = Unordered;
    type SerializeTuple = Unordered;
    type SerializeTupleStruct = Unordered;
    type SerializeTupleVariant = Unordered;
    type SerializeMap = Unordered;
    type SerializeStruct = Unordered;
    type SerializeStructVariant = Unordered;

    leaves! {
        serialize_bool(bool) is "bool", as u8::from;
        serialize_i8(i8) is "integer", as i128::from;
        serialize_i16(i16) is "integer", as i128::from;
        serialize_i32(i32) is "integer", as i128::from;
        serialize_i64(i64) is "integer", as i128::from;
        serialize_i128(i128) is "integer", as identity;
        serialize_u8(u8) is "integer", as i128::from;
        serialize_u16(u16) is "integer", as i128::from;
        serialize_u32(u32) is "integer", as i128::from;
        serialize_u64(u64) is "integer", as i128::from;
        serialize_f32(f32) is "f32", as f32::to_bits;
        serialize_f64(f64) is "f64", as f64::to_bits;
        serialize_char(char) is "text", as String::from;
        serialize_str(&str) is "text", as String::from;
        serialize_bytes(&[u8]) is "bytes", as identity;
    }

    fn serialize_u128(self, value: u128) -> Result<Digest, NotWritable> {
        Ok(match i128::try_from(value) {
            Ok(value) => Digest::leaf("integer", value),
            Err(_) => Digest::leaf("large", value),
        })
    }

    fn serialize_none(self) -> Result<Digest, NotWritable> {
        Ok(Digest::leaf("none", ()))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Digest, NotWritable> {
        Ok(Digest::leaf("some", value.serialize(self)?.digest))
    }

    fn serialize_unit(self) -> Result<Digest, NotWritable> {
        Ok(Digest::leaf("unit", ()))
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<Digest, NotWritable> {
        Ok(Digest::leaf("unit struct", name))
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Digest, NotWritable> {
        Ok(Digest::leaf("variant", variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Digest, NotWritable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Digest, NotWritable> {
        Ok(Digest::leaf("variant", (variant, value.serialize(self)?.digest)))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Unordered, NotWritable> {
        Ok(Unordered::new("list", ""))
    }

    fn serialize_tuple(self, _: usize) -> Result<Unordered, NotWritable> {
        Ok(Unordered::new("list", ""))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Unordered, NotWritable> {
        Ok(Unordered::new("list", ""))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Unordered, NotWritable> {
        Ok(Unordered::new("variant", variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Unordered, NotWritable> {
        Ok(Unordered::new("map", ""))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Unordered, NotWritable> {
        Ok(Unordered::new("struct", ""))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Unordered, NotWritable> {
        Ok(Unordered::new("variant", variant))
    }
}

macro_rules! lists {
    ($($of:ident: $method:ident;)*) => {$(
        impl ser::$of for Unordered {
            type Ok = Digest;
            type Error = NotWritable;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotWritable> {
                self.item(value)
            }

            fn end(self) -> Result<Digest, NotWritable> {
                Ok(self.all())
            }
        }
    )*};
}

lists! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

macro_rules! structs {
    ($($of:ident,)*) => {$(
        impl ser::$of for Unordered {
            type Ok = Digest;
            type Error = NotWritable;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), NotWritable> {
                self.field(name, value)
            }

            fn end(self) -> Result<Digest, NotWritable> {
                Ok(self.all())
            }
        }
    )*};
}

structs!(SerializeStruct, SerializeStructVariant,);

impl ser::SerializeMap for Unordered {
    type Ok = Digest;
    type Error = NotWritable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotWritable> {
        self.key = key.serialize(Digester)?.digest;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotWritable> {
        let value = value.serialize(Digester)?.digest;
        self.digests.push(Digest::leaf("entry", (self.key, value)).digest);
        Ok(())
    }

    fn end(self) -> Result<Digest, NotWritable> {
        Ok(self.all())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[derive(serde::Serialize)]
    struct Refund {
        amount: f64,
        note: Option<Option<&'static str>>,
    }

    fn digest(value: &impl Serialize) -> Option<u64> {
        value.serialize(Digester).ok().map(|said| said.digest)
    }

    fn same(one: &impl Serialize, other: &impl Serialize) -> bool {
        digest(one).is_some_and(|one| digest(other) == Some(one))
    }

    #[test]
    fn what_json_writes_alike_is_told_apart() {
        assert!(!same(&Some(None::<u8>), &None::<Option<u8>>));
        assert!(!same(&Some(f64::NAN), &None::<f64>));
        assert!(!same(&Some(()), &None::<()>));
        assert!(!same(&0.1_f32, &0.1_f64) && !same(&-0.0_f64, &0.0_f64));
        assert!(!same(&f64::NAN, &f64::INFINITY) && same(&f64::NAN, &f64::NAN));
        assert!(!same(&u128::MAX, &-1_i128) && same(&5_u64, &5_i8));
    }

    #[test]
    fn the_order_of_maps_and_sets_says_nothing() {
        let keys: Vec<u32> = (0..100).collect();
        let set = || keys.iter().copied().collect::<HashSet<_>>();
        let map = || keys.iter().map(|n| (n.to_string(), *n)).collect::<HashMap<_, _>>();
        assert!(same(&set(), &set()) && same(&map(), &map()));
        assert!(!same(&set(), &keys[1..].iter().copied().collect::<HashSet<_>>()));
        assert!(!same(&[1, 1, 2], &[1, 2, 2]));
    }

    #[test]
    fn a_difference_is_named_by_its_field() {
        let (one, other) =
            (Refund { amount: 1.0, note: Some(None) }, Refund { amount: 1.0, note: None });
        assert_eq!(difference(&one, &other), Some(Difference::In("note")));
        assert_eq!(difference(&Some(f64::NAN), &None), Some(Difference::Somewhere));
        assert_eq!(difference(&one, &one), None);
    }

    #[test]
    fn what_cannot_be_written_equals_nothing() {
        struct Never;
        impl Serialize for Never {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(ser::Error::custom("never"))
            }
        }
        assert_eq!(difference(&Never, &Never), Some(Difference::Somewhere));
    }
}
