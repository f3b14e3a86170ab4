use std::time::Duration;

use tonic::Status;

use crate::policies::MAX_TIME_BUDGET;

/// How long the server asks not to be called: the metadata `grpc-retry-pushback-ms` (gRFC A6), or the
/// `google.rpc.RetryInfo` among the details (`google/rpc/error_details.proto`). `None` if it does not say,
/// or not in a form that can be read. At most the longest time budget: no operation lives longer.
pub(super) fn wait(status: &Status) -> Option<Duration> {
    let wait = pushback(status).or_else(|| retry_delay(status.details()))?;
    Some(wait.min(MAX_TIME_BUDGET))
}

/// A negative one says *do not retry* (gRFC A6), and is none.
fn pushback(status: &Status) -> Option<Duration> {
    let text = status.metadata().get("grpc-retry-pushback-ms")?.to_str().ok()?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_millis(text.parse().unwrap_or(u64::MAX)))
}

const RETRY_INFO: &[u8] = b"type.googleapis.com/google.rpc.RetryInfo";

/// The details are a `google.rpc.Status`, whose field 3 has one `google.protobuf.Any` each.
fn retry_delay(details: &[u8]) -> Option<Duration> {
    let info = Fields(details).filter_map(|field| field.bytes(3)).find_map(|any| {
        let is_retry_info = Fields(any).any(|field| field.bytes(1) == Some(RETRY_INFO));
        is_retry_info.then(|| Fields(any).find_map(|field| field.bytes(2))).flatten()
    })?;
    // Its field 1 is a `google.protobuf.Duration`: seconds and nanoseconds, neither negative.
    let delay = Fields(info).find_map(|field| field.bytes(1))?;
    let part = |number| Fields(delay).find_map(|field| field.number(number)).unwrap_or(0);
    let nanos = u32::try_from(part(2)).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(u64::try_from(i64::try_from(part(1)).ok()?).ok()?, nanos))
}

/// The fields of a message, up to the first that is malformed (protobuf.dev, *Encoding*).
struct Fields<'a>(&'a [u8]);

struct Field<'a> {
    number: u64,
    value: Value<'a>,
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a fixed size, which nothing here has.
    Other,
}

impl<'a> Field<'a> {
    fn bytes(&self, number: u64) -> Option<&'a [u8]> {
        match self.value {
            Value::Bytes(bytes) if self.number == number => Some(bytes),
            _ => None,
        }
    }

    fn number(&self, number: u64) -> Option<u64> {
        match self.value {
            Value::Number(value) if self.number == number => Some(value),
            _ => None,
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.take(8).map(|_| Value::Other)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Other)?,
            _ => return None,
        };
        Some(Field { number: tag >> 3, value })
    }
}

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tonic::Code;

    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(bytes.len()).unwrap();
        [&[number << 3 | 2, length], bytes].concat()
    }

    /// The details of a status with a code, a message, and these.
    fn details(any: &[Vec<u8>]) -> Vec<u8> {
        let any = any.iter().map(|any| field(3, any)).collect::<Vec<_>>().concat();
        [&[0x08, 8][..], &field(2, b"wait"), &any].concat()
    }

    fn detail(of: &[u8], value: &[u8]) -> Vec<u8> {
        [field(1, of), field(2, value)].concat()
    }

    fn told(details: Vec<u8>) -> Option<Duration> {
        wait(&Status::with_details(Code::ResourceExhausted, "", details.into()))
    }

    #[test]
    fn a_retry_info_is_found_among_other_details() {
        let other = detail(b"type.googleapis.com/google.rpc.ErrorInfo", b"\x0a\x01x");
        // 3 s and 500 ms: nanos are 500_000_000.
        let delay = field(1, b"\x08\x03\x10\x80\xca\xb5\xee\x01");
        let info = detail(RETRY_INFO, &delay);
        let expected = Some(Duration::from_millis(3500));
        assert_eq!(told(details(&[other.clone(), info.clone()])), expected);
        assert_eq!(told(details(&[info])), expected);
        assert_eq!(told(details(&[other])), None);
    }

    #[test]
    fn what_is_not_legible_is_not_there() {
        let negative = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        for delay in [&negative[..], b"\x10\x80\x94\xeb\xdc\x03"] {
            let info = detail(RETRY_INFO, &field(1, delay));
            assert_eq!(told(details(&[info])), None, "{delay:?}");
        }
        for text in ["", "-1", "+3", "1.5", "soon"] {
            let mut status = Status::resource_exhausted("");
            status.metadata_mut().insert("grpc-retry-pushback-ms", text.parse().unwrap());
            assert_eq!(wait(&status), None, "{text}");
        }
    }

    #[test]
    fn a_pushback_is_in_milliseconds_and_comes_first() {
        let info = details(&[detail(RETRY_INFO, &field(1, b"\x08\x03"))]);
        let mut status = Status::with_details(Code::ResourceExhausted, "", info.into());
        assert_eq!(wait(&status), Some(Duration::from_secs(3)));
        status.metadata_mut().insert("grpc-retry-pushback-ms", "250".parse().unwrap());
        assert_eq!(wait(&status), Some(Duration::from_millis(250)));
        let absurd = "9".repeat(40).parse().unwrap();
        status.metadata_mut().insert("grpc-retry-pushback-ms", absurd);
        assert_eq!(wait(&status), Some(MAX_TIME_BUDGET));
    }

    proptest! {
        #[test]
        fn any_details_have_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = told(bytes);
        }
    }
}
