/// The longest error text that is stored, in bytes.
pub const TEXT_LIMIT: usize = 8 * 1024;

/// Any text in a form that every store can keep: NUL, which Postgres refuses in text, becomes
/// the two characters `\0`; text beyond [`TEXT_LIMIT`] is cut at a character and marked. What
/// comes out of here is left as it is when it comes again, from one layer to the next.
#[must_use]
pub fn storable(text: &str) -> String {
    let clean = text.replace('\0', "\\0");
    if clean.len() <= TEXT_LIMIT || is_cut(&clean) {
        return clean;
    }
    let end = clean.floor_char_boundary(TEXT_LIMIT);
    format!("{}… [truncated: {} bytes in all]", &clean[..end], text.len())
}

/// Text for one line of a log: line ends and other control characters become spaces.
pub(crate) fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// The longest mark, with a margin.
const MARK_LIMIT: usize = 64;

/// True for text that was cut and marked before.
fn is_cut(text: &str) -> bool {
    text.len() <= TEXT_LIMIT + MARK_LIMIT && text.ends_with(" bytes in all]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_text_is_kept_as_it_is() {
        assert_eq!(storable("카드 declined"), "카드 declined");
    }

    #[test]
    fn a_megabyte_is_cut_at_a_character_and_marked() {
        let long = "주".repeat(400_000);
        let kept = storable(&long);
        assert!(kept.len() < TEXT_LIMIT + 64);
        assert!(kept.ends_with("… [truncated: 1200000 bytes in all]"));
    }

    #[test]
    fn what_was_cut_is_not_cut_again() {
        let kept = storable(&"주\0".repeat(400_000));
        assert_eq!(storable(&kept), kept);
    }

    #[test]
    fn one_line_has_no_line_ends() {
        assert_eq!(one_line("a\nb\tc주"), "a b c주");
    }

    #[test]
    fn nul_is_made_visible() {
        assert_eq!(storable("a\0b"), "a\\0b");
    }
}
