//! The reference pages, which are in the facade: each macro's tests hold them to its options.

use std::fs;
use std::path::Path;

/// The rows of the first table under this heading, cell by cell.
pub(crate) fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/macros");
    let page = fs::read_to_string(pages.join(page)).unwrap();
    page.lines()
        .skip_while(|line| *line != heading)
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// The first cells of a table: options as they are written.
pub(crate) fn written(page: &str, heading: &str) -> Vec<String> {
    rows(page, heading).iter().map(|cells| cells[0].trim_matches('`').to_owned()).collect()
}
