//! What does not compile, and what the user reads then: one file a mistake, by topic.
//!
//! After a change of a message: `TRYBUILD=overwrite cargo test -p messages`, then read every
//! changed `.stderr` as a user would.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// What `cargo check` does not see: the linker's business, and a rule about the provider that is
/// evaluated where a generic method is built for it.
const ONLY_IN_A_BUILD: [&str; 6] = [
    "cases/binding/two_handlers_for_one_pair.rs",
    "cases/provider/body_key_in_a_header.rs",
    "cases/provider/query_key_in_a_header.rs",
    "cases/provider/reference_in_a_header.rs",
    "cases/provider/text_key_in_a_header.rs",
    "cases/provider/unkeyed_in_the_name_of_a_header.rs",
];

/// trybuild runs `cargo check` where every case is to fail, and `cargo build` where one is to pass.
#[test]
fn a_check_finds_every_mistake_but_six() {
    let cases = trybuild::TestCases::new();
    for case in cases_in(&topics()).filter(|case| !is_one_of(&ONLY_IN_A_BUILD, case)) {
        cases.compile_fail(case);
    }
}

#[test]
#[should_panic(expected = "6 of 6 tests failed")]
fn a_check_lets_the_six_pass() {
    let cases = trybuild::TestCases::new();
    ONLY_IN_A_BUILD.iter().for_each(|case| cases.compile_fail(case));
}

#[test]
fn a_build_finds_the_six_and_takes_what_is_right() {
    let cases = trybuild::TestCases::new();
    cases.pass("cases/pass/*.rs");
    ONLY_IN_A_BUILD.iter().for_each(|case| cases.compile_fail(case));
}

fn is_one_of(cases: &[&str], case: &Path) -> bool {
    cases.iter().any(|one| Path::new(one) == case)
}

/// The failing cases, without their messages.
fn cases_in(topics: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    topics
        .iter()
        .flat_map(|topic| entries(topic))
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
}

/// The folders of failing cases.
fn topics() -> Vec<PathBuf> {
    let folders = entries(Path::new("cases"));
    folders.into_iter().filter(|folder| !folder.ends_with("pass")).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// Every recorded message, with the file that it belongs to.
fn messages() -> Vec<(PathBuf, String)> {
    let files = topics().into_iter().flat_map(|topic| entries(&topic));
    files
        .filter(|file| file.extension().is_some_and(|extension| extension == "stderr"))
        .map(|file| (file.clone(), fs::read_to_string(&file).unwrap()))
        .collect()
}

#[test]
fn one_mistake_gives_one_error() {
    for (file, text) in messages() {
        let errors = text.lines().filter(|line| line.starts_with("error")).count();
        let warnings = text.lines().filter(|line| line.starts_with("warning")).count();
        assert_eq!((errors, warnings), (1, 0), "{}", file.display());
    }
}

/// What rustc finds and words by itself; the reference page has the remedy.
const WORDED_BY_RUSTC: [&str; 10] = [
    "binding/bound_by_both",
    "binding/two_handlers_for_one_command",
    "binding/two_handlers_for_one_pair",
    "hook/reconcile_not_there",
    "outcome/from_not_there",
    "provider/key_of_another_provider",
    "provider/made_up_key",
    "types/future_not_send",
    "types/mistake_in_the_body",
    "types/state_not_shareable",
];

#[test]
fn every_message_of_ours_gives_a_reason_and_a_remedy() {
    for (file, text) in messages() {
        let name = file.with_extension("").to_string_lossy().into_owned();
        if WORDED_BY_RUSTC.iter().any(|case| name.ends_with(case)) {
            continue;
        }
        let trimmed = || text.lines().map(str::trim_start);
        let ours = trimmed().any(|line| line.starts_with("note: "))
            && trimmed().any(|line| line.starts_with("help: "));
        // A trait speaks in notes: the first is the reason, the last the remedy.
        let traits = trimmed().filter(|line| line.starts_with("= note: ")).count() >= 2;
        assert!(ours || traits, "{}:\n{text}", file.display());
    }
}

#[test]
fn every_message_points_at_the_users_own_file() {
    for (file, text) in messages() {
        let name = file.with_extension("rs");
        let mut places = text.lines().filter(|line| line.trim_start().starts_with("--> "));
        // What rustc finds where a method of ours is built for a type; the user's place comes last.
        let found_in_a_method =
            is_one_of(&ONLY_IN_A_BUILD, &name) && name.starts_with("cases/provider");
        let place = if found_in_a_method { places.next_back() } else { places.next() };
        let place = place.unwrap_or("");
        assert!(place.contains(&*name.to_string_lossy()), "{}: {place}", file.display());
    }
}

#[test]
fn every_case_has_its_message_and_there_are_many() {
    let cases: Vec<_> = cases_in(&topics()).collect();
    assert!(cases.len() >= 220, "{} cases", cases.len());
    for case in cases {
        assert!(case.with_extension("stderr").exists(), "{}", case.display());
    }
}
