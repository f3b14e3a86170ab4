//! `docs/book/providers.md` is made from the contracts: what a page says and what the compiler holds a
//! handler to are the same values.
//!
//!   ORCH_PROVIDERS=write cargo test --test providers_page    writes the page again
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::time::Duration;

use orch::providers::{ALL, Terms};
use orch::{Keeps, KeyAlphabet, KeyForm, KeyLifetime, KeyPlace, Repeat, Says, Word};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/book/providers.md");

/// What is written by hand; the table follows it.
const INTRO: &str = include_str!("providers_page.md");

#[test]
fn the_page_of_providers_is_made_from_the_contracts() {
    let mut page = INTRO.to_owned();
    for terms in ALL {
        page.push_str(&row(terms));
    }
    if std::env::var("ORCH_PROVIDERS").is_ok_and(|what| what == "write") {
        fs::write(PAGE, &page).unwrap();
    }
    let written = fs::read_to_string(PAGE).unwrap();
    for (number, (was, is)) in written.lines().zip(page.lines()).enumerate() {
        assert_eq!(was, is, "docs/book/providers.md:{}; {REMEDY}", number + 1);
    }
    assert_eq!(written.lines().count(), page.lines().count(), "{REMEDY}");
}

const REMEDY: &str = "write the page again: ORCH_PROVIDERS=write cargo test --test providers_page";

#[test]
fn the_introduction_is_short() {
    assert!(INTRO.lines().count() <= 30, "{}", INTRO.lines().count());
}

fn row(terms: &Terms) -> String {
    let published = terms.published().unwrap();
    let (year, month, day) = published.read;
    let cells = [
        format!("`{}`", terms.type_name()),
        place(terms),
        lifetime(terms),
        repeated(terms.repeat()).to_owned(),
        in_doubt(terms).to_owned(),
        yours(terms),
        answers(terms.words()),
        format!("{year}-{month:02}-{day:02}, {}", source(published.at)),
    ];
    format!("| {} |\n", cells.join(" | "))
}

/// A page as a link, with its host as text; anything else as it is.
fn source(at: &str) -> String {
    match at.split_once('/') {
        Some((host, _)) if !at.contains(' ') => format!("[{host}](https://{at})"),
        _ => at.to_owned(),
    }
}

fn place(terms: &Terms) -> String {
    let place = match terms.key_place() {
        _ if terms.repeat() == Repeat::Acts => return "–".to_owned(),
        KeyPlace::Header(name) => format!("header `{name}`"),
        KeyPlace::QuotedHeader(name) => format!("header `{name}`, in quotes"),
        KeyPlace::BodyField(name) => format!("body, `{name}`"),
        KeyPlace::Query(name) => format!("query, `{name}`"),
        KeyPlace::Command => return "the command has the reference".to_owned(),
        other => format!("{other:?}"),
    };
    format!("{place}{}", form(terms.key_form()))
}

fn form(form: KeyForm) -> String {
    match form {
        KeyForm::ANY => String::new(),
        KeyForm::Uuid4 => "; UUID v4".to_owned(),
        KeyForm::Text { shortest, longest, alphabet } => {
            let length = if shortest == 1 {
                format!("≤ {longest}")
            } else {
                format!("{shortest}–{longest}")
            };
            let restricted =
                if alphabet == KeyAlphabet::VISIBLE { "" } else { ", fewer characters" };
            format!("; {length}{restricted}")
        }
        other => format!("; {other:?}"),
    }
}

fn lifetime(terms: &Terms) -> String {
    match terms.key_lifetime() {
        _ if terms.repeat() == Repeat::Acts => "–".to_owned(),
        KeyLifetime::Unlimited => "for ever".to_owned(),
        KeyLifetime::Unpublished => "not published".to_owned(),
        KeyLifetime::AtLeast(lifetime) => span(lifetime),
        other => format!("{other:?}"),
    }
}

fn span(span: Duration) -> String {
    let minutes = span.as_secs() / 60;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) if hours > 24 && hours % 24 == 0 => format!("{} d", hours / 24),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

fn repeated(repeat: Repeat) -> &'static str {
    match repeat {
        Repeat::Answers(Keeps::Everything) => "gets the first answer, an error too",
        Repeat::Answers(Keeps::Effects) => "gets what has acted, else acts",
        Repeat::Answers(Keeps::Successes) => "gets a success, else acts again",
        Repeat::Refuses => "is refused",
        Repeat::Acts => "acts again",
        _ => "?",
    }
}

fn in_doubt(terms: &Terms) -> &'static str {
    match terms.repeat() {
        Repeat::Acts => "does as the handler says",
        _ if terms.repeats_in_doubt() => "repeats the call",
        _ => "parks",
    }
}

/// What the defaults of a handler need of a key: 5 m for the operation, 30 s for its last attempt.
const BY_DEFAULT: Duration = Duration::from_secs(330);

fn yours(terms: &Terms) -> String {
    let key = if terms.key_place() == KeyPlace::Command { "" } else { "`Context`" };
    let rest = match terms.key_lifetime() {
        _ if terms.repeat() == Repeat::Acts => {
            return "`effect = \"unsafe\"`; `reconcile` or `in_doubt`".to_owned();
        }
        KeyLifetime::AtLeast(lifetime) if terms.repeats_in_doubt() && lifetime < BY_DEFAULT => {
            "a shorter `time_budget`"
        }
        _ if terms.repeats_in_doubt() && replays_errors(terms.repeat()) => {
            "better with `reconcile`: a 5xx is kept too"
        }
        _ if terms.repeats_in_doubt() => "",
        _ => "`reconcile`, or an operator looks",
    };
    let parts: Vec<&str> = [key, rest].into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("; ")
}

fn replays_errors(repeat: Repeat) -> bool {
    repeat == Repeat::Answers(Keeps::Everything)
}

fn answers(words: &[Word]) -> String {
    let answer = |word: &Word| {
        let status = word.status.map(|status| status.to_string());
        let code = word.code.map(|code| format!("`{code}`"));
        let says: Vec<String> = status.into_iter().chain(code).collect();
        format!("{}: {}", says.join(" "), meaning(word.says))
    };
    words.iter().map(answer).collect::<Vec<_>>().join("; ")
}

fn meaning(meaning: Says) -> &'static str {
    match meaning {
        Says::StillRunning => "still running",
        Says::Done => "done already",
        Says::OtherBody => "another body",
        Says::Refused => "declined",
        _ => "?",
    }
}
