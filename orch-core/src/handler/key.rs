use std::fmt::Display;

/// A key of these parts, one after the other.
#[must_use]
pub fn key(parts: &[&dyn Display]) -> String {
    parts.iter().map(ToString::to_string).collect()
}

/// A field as part of a key.
#[must_use]
pub fn key_part<T: KeyText>(field: &T) -> &dyn Display {
    field
}

/// What may be part of a key: every type that implements `Display`.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` cannot be part of a key",
    label = "it does not implement `Display`",
    note = "biz keys and idempotency keys are text",
    note = "use a field with a text, such as a `String` or a number, or implement `Display` for `{Self}`"
)]
pub trait KeyText: Display {}

#[diagnostic::do_not_recommend]
impl<T: Display> KeyText for T {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_parts_in_order() {
        assert_eq!(key(&[]), "");
        assert_eq!(key(&[&"ORDER-", key_part(&7_u64), &'/', key_part(&"a")]), "ORDER-7/a");
    }
}
