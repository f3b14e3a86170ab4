//! The public API is what `docs/public-api.txt` lists: a change of it is a change of that file,
//! made on purpose. Read from rustdoc's pages, which a stable toolchain makes.
//!
//!   ORCH_PUBLIC_API=write cargo test --test public_api    writes the list again
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/public-api.txt");
const HEAD: &str = "\
The public API of `orch` with all features: each item with its declaration, its methods and the
traits that it implements. Made and compared by tests/public_api.rs; do not edit.
";

#[test]
fn the_public_api_is_the_one_that_is_listed() {
    let pages = pages();
    let mut list = HEAD.to_owned();
    for item in items(&fs::read_to_string(pages.join("all.html")).unwrap()) {
        write!(list, "\n## {}\n", name(&item)).unwrap();
        // What the prelude has is described where it is from.
        if !item.starts_with("prelude/") {
            let page = fs::read_to_string(pages.join(&item)).unwrap();
            write!(list, "\n{}", described(&page)).unwrap();
        }
    }
    if std::env::var("ORCH_PUBLIC_API").is_ok_and(|what| what == "write") {
        fs::write(LIST, &list).unwrap();
    }
    let listed = fs::read_to_string(LIST).unwrap();
    for (number, (was, is)) in listed.lines().zip(list.lines()).enumerate() {
        let line = number + 1;
        assert_eq!(
            was, is,
            "the public API has changed at docs/public-api.txt:{line}; if it was \
            meant, write the list again: ORCH_PUBLIC_API=write cargo test --test public_api"
        );
    }
    assert_eq!(listed.lines().count(), list.lines().count(), "items were added or removed");
    for hidden in ["internals", "__private"] {
        assert!(!listed.contains(hidden), "{hidden} is public");
    }
}

/// The folder with the pages of the facade.
fn pages() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let made = Command::new(env!("CARGO"))
        .args(["doc", "--quiet", "--no-deps", "--locked", "--lib"])
        .args(["--package", "orchestrated", "--features", "lettre,postgres,reqwest,sqlite,tonic"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(made.success(), "cargo doc failed");
    target.join("doc/orch")
}

/// The pages that the list of all items links to, without those of the backends: they are
/// packages with pages of their own.
fn items(all: &str) -> Vec<String> {
    let links = all.split("<li><a href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    links
        .filter(|link| link.ends_with(".html") && !link.starts_with(".."))
        .map(str::to_owned)
        .collect()
}

/// `struct.Config.html` as `struct Config`, `http/fn.x.html` as `http: fn x`.
fn name(link: &str) -> String {
    let path = link.trim_end_matches(".html");
    let (folder, item) = path.rsplit_once('/').unwrap_or(("", path));
    let item = item.replacen('.', " ", 1);
    if folder.is_empty() { item } else { format!("{}: {item}", folder.replace('/', "::")) }
}

/// The declaration, then the methods, then the traits that are implemented for it.
fn described(page: &str) -> String {
    let mut text = String::new();
    for declaration in between(page, "<pre class=\"rust item-decl\">", "</pre>") {
        text.push_str(&plain(declaration));
        text.push('\n');
    }
    let own = up_to(page, &["<h2 id=\"trait-implementations\"", "<h2 id=\"synthetic-"]);
    let own = own.split_once("id=\"implementations-list\"").map_or("", |(_, own)| own);
    // Sorted: their order is that of the modules, which is no part of the API.
    let lines = |sign: &str, part: &str, from: &str, to: &str| {
        let all = between(part, from, to).map(|text| one_line(&plain(text)));
        let mut all: Vec<String> = all.map(|line| format!("{sign} {line}\n")).collect();
        all.sort();
        all.concat()
    };
    text.push_str(&lines("-", own, "<h4 class=\"code-header\">", "</h4>"));
    let traits = page.split_once("id=\"trait-implementations-list\"").map_or("", |(_, rest)| rest);
    let traits = up_to(traits, &["<h2 id=\"synthetic-", "<h2 id=\"blanket-"]);
    text.push_str(&lines("+", traits, "<h3 class=\"code-header\">", "</h3>"));
    text
}

/// All texts between two marks.
fn between<'a>(text: &'a str, from: &'a str, to: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(from).skip(1).filter_map(move |rest| rest.split(to).next())
}

fn up_to<'a>(text: &'a str, marks: &[&str]) -> &'a str {
    let end = marks.iter().filter_map(|mark| text.find(mark)).min().unwrap_or(text.len());
    &text[..end]
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// HTML without its tags, and without the sign of a tooltip.
fn plain(html: &str) -> String {
    let mut text = String::new();
    for (number, part) in html.split('<').enumerate() {
        let behind = if number == 0 { part } else { part.split_once('>').map_or("", |(_, b)| b) };
        text.push_str(behind);
    }
    for (entity, sign) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("ⓘ", ""),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, sign);
    }
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}
