//! The README promises: the quick start is a program that runs, two commands are enough, and
//! what it points to is there.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// The fenced blocks of the README in this language.
fn blocks(language: &str) -> Vec<String> {
    blocks_of(&read_to_string("README.md").unwrap(), language)
}

fn blocks_of(page: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    page.split("\n```")
        .filter_map(|part| format!("```{part}\n").strip_prefix(&opening).map(str::to_owned))
        .collect()
}

#[test]
fn the_quick_start_is_the_example_byte_for_byte() {
    let example = read_to_string("examples/quickstart.rs").unwrap();
    let shown = blocks("rust");
    assert!(shown.contains(&example), "README.md does not show examples/quickstart.rs");
}

/// A block of its text: the example is the whole program.
#[test]
fn the_route_is_a_part_of_an_example() {
    let example = read_to_string("examples/front.rs").unwrap();
    let shown = blocks("rust,ignore");
    assert!(shown.iter().any(|block| example.contains(block)), "not in examples/front.rs");
}

#[test]
fn the_quick_start_is_shorter_than_sixty_lines() {
    assert!(read_to_string("examples/quickstart.rs").unwrap().lines().count() < 60);
}

#[test]
fn the_crash_test_is_a_test_that_runs_byte_for_byte() {
    let test = read_to_string("tests/crash_matrix/copy.rs").unwrap();
    assert!(test.lines().count() < 20);
    assert!(blocks("rust").contains(&test), "README.md does not show the crash test");
}

#[test]
fn the_failing_matrix_is_one_that_was_printed() {
    let printed = read_to_string("tests/crash_matrix/ignoring_keys.txt").unwrap();
    assert!(blocks("text").contains(&printed), "README.md does not show what a test compares");
}

#[test]
fn two_commands_are_all_that_is_needed() {
    let commands = blocks("sh").concat();
    let commands: Vec<_> = commands.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    assert_eq!(commands, ["cargo run --example payment", "./scripts/test"]);
}

#[test]
fn every_link_into_the_repository_leads_somewhere() {
    let root = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];
    let root = root.into_iter().chain(["docs/adr/README.md"]).map(PathBuf::from);
    for page in root.chain(files_in("docs/book", "md")) {
        let (text, folder) = (read_to_string(&page).unwrap(), page.parent().unwrap());
        let page = page.display();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let path = folder.join(target.split('#').next().unwrap());
            assert!(path.exists(), "{page} links to {target}, which is not there");
        }
    }
}

/// So each block compiles, and what it shows is tested.
#[test]
fn every_rust_block_of_the_book_is_a_part_of_a_program_that_runs() {
    let programs: Vec<String> = ["examples", "examples/payment", "tests/real_life"]
        .into_iter()
        .flat_map(|folder| files_in(folder, "rs"))
        .map(|file| read_to_string(file).unwrap())
        .collect();
    let mut shown = 0;
    for page in files_in("docs/book", "md") {
        for block in blocks_of(&read_to_string(&page).unwrap(), "rust") {
            let runs = programs.iter().any(|program| program.contains(&block));
            assert!(runs, "{} shows what no program has:\n{block}", page.display());
            shown += 1;
        }
    }
    assert!(shown >= 5, "the test reads the blocks");
}

/// Every page is found from the first one.
#[test]
fn the_readme_links_to_every_page_of_the_book() {
    let readme = read_to_string("README.md").unwrap();
    for page in files_in("docs/book", "md") {
        assert!(readme.contains(&format!("]({})", page.display())), "{}", page.display());
    }
}

fn files_in(folder: &str, extension: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|is| is == extension)).collect()
}

/// Names in a path that stand for one of the reader's.
const PLACEHOLDERS: [&str; 3] = ["NAME", "NNNN", "VERB"];

#[test]
fn every_place_that_a_recipe_names_is_there() {
    let text = read_to_string("CONTRIBUTING.md").unwrap();
    let (_, recipes) = text.split_once("## Recipes").unwrap();
    let named: Vec<_> = recipes
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.contains('/') && !code.contains(['*', ' ']))
        .filter(|code| PLACEHOLDERS.iter().all(|name| !code.contains(name)))
        .collect();
    assert!(named.len() > 40, "the test reads the recipes: {named:?}");
    for path in named {
        let path = path.trim_start_matches("./");
        assert!(Path::new(path).exists(), "CONTRIBUTING.md names {path}, which is not there");
    }
}
