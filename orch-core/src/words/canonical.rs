//! What a JSON text says, however it is written.
//!
//! The canonical form is that of RFC 8785: no white space, keys sorted by their UTF-16 units, one
//! way to write each character. Numbers are the exception: the RFC rounds them to doubles, and
//! money must not be rounded, so they stand for their exact decimal value. `1.0`, `1` and `10e-1`
//! are one number; `9007199254740993` and `9007199254740992` are two.

use serde::de::IgnoredAny;

/// The names and the canonical values of an object, sorted by name.
pub(crate) type Fields = Vec<(String, Vec<u8>)>;

/// The canonical form of a JSON text. `None` if it is not JSON, names a field twice or has half of
/// a surrogate pair in it: it says nothing for certain then.
pub(crate) fn canonical(text: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::over(text)?;
    let mut canonical = Vec::with_capacity(text.len());
    reader.value(&mut canonical, false)?;
    Some(canonical)
}

/// The fields of a JSON object, each in its canonical form; the order of a list in one of `sets`
/// is left aside. `None` if the text is not an object, or has no canonical form.
pub(crate) fn fields(text: &[u8], sets: &[&str]) -> Option<Fields> {
    let mut reader = Reader::over(text)?;
    (reader.next()? == b'{').then_some(())?;
    reader.fields(sets)
}

/// The items of a JSON list, each in its canonical form. `None` as for [`fields`].
pub(crate) fn items(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut reader = Reader::over(text)?;
    (reader.next()? == b'[').then_some(())?;
    reader.items()
}

/// An object with these fields.
pub(crate) fn object(fields: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut object = Vec::new();
    write_object(fields, &mut object);
    object
}

fn write_object(fields: &[(String, Vec<u8>)], into: &mut Vec<u8>) {
    into.push(b'{');
    for (place, (name, value)) in fields.iter().enumerate() {
        if place > 0 {
            into.push(b',');
        }
        write_text(name, into);
        into.push(b':');
        into.extend_from_slice(value);
    }
    into.push(b'}');
}

/// A string has one JSON form here: short escapes where there are, lower-case `\u00xx` for the
/// other control characters, every other character as it is.
fn write_text(text: &str, into: &mut Vec<u8>) {
    // Into memory, and a string always has a JSON form.
    let _ = serde_json::to_writer(into, text);
}

/// Reads a text that is known to be JSON, so it only has to find where things end. A text that is
/// none after all ends in `None`.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// As deep as `serde_json` reads into a type; a text that is nested deeper would only fill the stack.
const DEEPEST: usize = 127;

impl<'a> Reader<'a> {
    fn over(text: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        serde_json::from_str::<IgnoredAny>(text).ok()?;
        Some(Self { text, at: 0, depth: 0 })
    }

    /// The next byte that is not white space, taken.
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let space = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.at += space;
        rest.get(space).copied()
    }

    fn value(&mut self, into: &mut Vec<u8>, is_set: bool) -> Option<()> {
        self.depth += 1;
        (self.depth <= DEEPEST + 1).then_some(())?;
        match self.peek()? {
            b'{' => {
                self.at += 1;
                write_object(&self.fields(&[])?, into);
            }
            b'[' => {
                self.at += 1;
                let mut items = self.items()?;
                if is_set {
                    items.sort_unstable();
                }
                into.push(b'[');
                into.extend_from_slice(&items.join(&b','));
                into.push(b']');
            }
            b'"' => write_text(&self.string()?, into),
            b'-' | b'0'..=b'9' => {
                let number = self.take_while(|byte| {
                    matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')
                })?;
                write_number(number, into)?;
            }
            _ => {
                let word = self.take_while(|byte| byte.is_ascii_lowercase())?;
                into.extend_from_slice(word.as_bytes());
            }
        }
        self.depth -= 1;
        Some(())
    }

    /// The fields behind an opening brace, up to its closing one.
    fn fields(&mut self, sets: &[&str]) -> Option<Fields> {
        let mut fields = Fields::new();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(fields);
        }
        loop {
            self.peek()?;
            let name = self.string()?;
            (self.next()? == b':').then_some(())?;
            let mut value = Vec::new();
            self.value(&mut value, sets.contains(&name.as_str()))?;
            fields.push((name, value));
            match self.next()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        fields.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
        let twice = fields.windows(2).any(|pair| pair[0].0 == pair[1].0);
        (!twice).then_some(fields)
    }

    /// The items behind an opening bracket, up to its closing one.
    fn items(&mut self) -> Option<Vec<Vec<u8>>> {
        let mut items = Vec::new();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(items);
        }
        loop {
            let mut item = Vec::new();
            self.value(&mut item, false)?;
            items.push(item);
            match self.next()? {
                b',' => {}
                b']' => return Some(items),
                _ => return None,
            }
        }
    }

    /// The string that begins here, without its escapes.
    fn string(&mut self) -> Option<String> {
        let from = self.at;
        let bytes = self.text.as_bytes();
        let mut end = from + 1;
        while *bytes.get(end)? != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        self.at = end + 1;
        serde_json::from_str(self.text.get(from..self.at)?).ok()
    }

    fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> Option<&'a str> {
        let from = self.at;
        let rest = self.text.as_bytes().get(from..)?;
        self.at += rest.iter().take_while(|byte| belongs(**byte)).count();
        self.text.get(from..self.at)
    }
}

/// Zeros are written out up to so many; beyond it there is an exponent.
const ZEROS: u64 = 40;

/// One spelling for each decimal value: digits without needless zeros, a point where one is
/// needed, an exponent for what is very large or small. `None` for an exponent beyond 18 digits.
fn write_number(text: &str, into: &mut Vec<u8>) -> Option<()> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    digits.retain(u8::is_ascii_digit);
    let exponent: i64 = exponent.parse().ok()?;
    let mut exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    while digits.pop_if(|digit| *digit == b'0').is_some() {
        exponent = exponent.checked_add(1)?;
    }
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.drain(..zeros);
    if digits.is_empty() {
        into.push(b'0');
        return Some(());
    }
    if mantissa.starts_with('-') {
        into.push(b'-');
    }
    let shift = usize::try_from(exponent.unsigned_abs()).ok()?;
    if exponent.unsigned_abs() > ZEROS {
        into.extend_from_slice(&digits);
        into.extend_from_slice(format!("e{exponent}").as_bytes());
    } else if exponent >= 0 {
        into.extend_from_slice(&digits);
        into.extend(std::iter::repeat_n(b'0', shift));
    } else if shift < digits.len() {
        let (whole, fraction) = digits.split_at(digits.len() - shift);
        into.extend_from_slice(whole);
        into.push(b'.');
        into.extend_from_slice(fraction);
    } else {
        into.extend_from_slice(b"0.");
        into.extend(std::iter::repeat_n(b'0', shift - digits.len()));
        into.extend_from_slice(&digits);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<String> {
        canonical(text.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn the_form_of_a_text() {
        for (text, form) in [
            (r#" { "b" : [ 1 , 2 ] , "a" : null } "#, r#"{"a":null,"b":[1,2]}"#),
            ("{}", "{}"),
            (" [ ] ", "[]"),
            ("[[],{}, true ,false]", "[[],{},true,false]"),
            (r#""\u0041\/\u00e9\u001F""#, "\"A/\u{e9}\\u001f\""),
            (r#"{"\u0062":1,"a":2}"#, r#"{"a":2,"b":1}"#),
        ] {
            assert_eq!(said(text).as_deref(), Some(form), "{text}");
        }
    }

    #[test]
    fn keys_are_sorted_by_utf_16_as_the_rfc_says() {
        // U+FB33 comes after the emoji's first surrogate, U+D83D, and before it as a code point.
        let text = "{\"\u{fb33}\":1,\"\u{1f600}\":2}";
        assert_eq!(said(text).unwrap(), "{\"\u{1f600}\":2,\"\u{fb33}\":1}");
    }

    #[test]
    fn a_number_is_its_exact_value() {
        for (text, form) in [
            ("0", "0"),
            ("-0", "0"),
            ("0.000e5", "0"),
            ("1.0", "1"),
            ("10e-1", "1"),
            ("1.50e2", "150"),
            ("-12.340", "-12.34"),
            ("5e-3", "0.005"),
            ("9007199254740993", "9007199254740993"),
            ("340282366920938463463374607431768211455", "340282366920938463463374607431768211455"),
            ("1e41", "1e41"),
            ("10e40", "1e41"),
            ("1E+40", &format!("1{}", "0".repeat(40))),
            ("1e-41", "1e-41"),
            ("0.1", "0.1"),
        ] {
            assert_eq!(said(text).as_deref(), Some(form), "{text}");
        }
        assert_ne!(said("12345678901234567.89"), said("12345678901234567.9"));
        assert_eq!(said("1e99999999999999999999"), None);
    }

    #[test]
    fn what_says_nothing_for_certain_has_no_form() {
        for text in ["", "{", "1 2", "nul", r#"{"a":1,"a":2}"#, r#""\ud800""#, "[1,]", "NaN"] {
            assert_eq!(said(text), None, "{text}");
        }
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(said(&nested(128)).is_some() && said(&nested(129)).is_none());
        assert_eq!(said(&nested(1_000_000)), None);
        assert_eq!(canonical(b"\"\xff\""), None);
    }

    #[test]
    fn a_set_has_no_order_and_a_list_has() {
        let of = |text: &str, sets: &[&str]| fields(text.as_bytes(), sets).unwrap();
        let (one, other) = (r#"{"s":[1,2,2]}"#, r#"{"s":[2,1,2]}"#);
        assert_eq!(of(one, &["s"]), of(other, &["s"]));
        assert_ne!(of(one, &[]), of(other, &[]));
        assert_ne!(of(one, &["s"]), of(r#"{"s":[1,2]}"#, &["s"]));
        assert!(fields(b"[1]", &[]).is_none());
    }
}
