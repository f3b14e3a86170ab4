use std::net::TcpListener;

use super::*;

fn parse(url: &str) -> Result<Hosts, StoreError> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    Hosts::parse(base, &query.split('&').filter(|p| !p.is_empty()).collect::<Vec<_>>())
}

fn names(url: &str) -> Vec<String> {
    let hosts = parse(url).unwrap();
    (0..hosts.all.len()).map(|place| hosts.name(place)).collect()
}

#[test]
fn each_server_has_its_port_and_all_the_rest_is_shared() {
    let url = "postgres://me:a%2Cb@one:1,two,[::1]:3,[fe80::2]/db?application_name=x";
    assert_eq!(names(url), ["one:1", "two:5432", "::1:3", "fe80::2:5432"]);
    for options in parse(url).unwrap().all {
        assert_eq!(options.get_username(), "me");
        assert_eq!(options.get_database(), Some("db"));
        assert_eq!(options.get_application_name(), Some("x"));
    }
}

#[test]
fn one_server_is_asked_nothing_unless_the_url_says_so() {
    for (url, wanted) in [
        ("postgres://one/db", Wanted::Any),
        ("postgres://one/db?target_session_attrs=read-write", Wanted::ReadWrite),
        ("postgres://one,two/db", Wanted::ReadWrite),
        ("postgres://one,two/db?target_session_attrs=primary", Wanted::Primary),
        ("postgres://one,two/db?target_session_attrs=any", Wanted::Any),
    ] {
        assert_eq!(parse(url).unwrap().wanted, wanted, "{url}");
    }
}

#[test]
fn where_no_server_is_named_it_is_the_default_one() {
    for url in ["postgres:///db?host=/run/pg", "postgres:///db", "postgres://"] {
        assert_eq!(parse(url).unwrap().all.len(), 1, "{url}");
    }
    assert_eq!(names("postgres://%2Frun%2Fpg,two/db").len(), 2);
}

#[test]
fn a_mistake_is_named_but_the_url_is_not_repeated() {
    for (rest, said) in [
        ("one,,two/db", "is empty"),
        ("one,two,/db", "is empty"),
        ("one:1,:2/db", "is empty"),
        ("one:x,two/db", "between 1 and 65535"),
        ("one:0,two/db", "between 1 and 65535"),
        ("one:65536,two/db", "between 1 and 65535"),
        ("one:,two/db", "between 1 and 65535"),
        ("::1,two/db", "without brackets"),
        ("[::1,two/db", "[ without ]"),
        ("[::1]x,two/db", "after ]"),
        ("[zz]:1,two/db", "cannot be read"),
        ("one,t o/db", "cannot be read"),
        ("one,two/db?host=three", "HOST:PORT,HOST:PORT"),
        ("/db?host=one,two", "HOST:PORT,HOST:PORT"),
        ("one/db?port=1,2", "HOST:PORT,HOST:PORT"),
        ("one/db?hostaddr=1.1.1.1%2C1.1.1.2", "HOST:PORT,HOST:PORT"),
        ("one,two/db?target_session_attrs=standby", "any, read-write, primary"),
        ("one,two/db?target_session_attrs=prefer-standby", "any, read-write, primary"),
        ("one/db?target_session_attrs=secret", "any, read-write, primary"),
        ("one/db?target_session_attrs", "any, read-write, primary"),
    ] {
        let error = parse(&format!("postgres://me:secret@{rest}")).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(matches!(error, StoreError::Fatal(_)) && text.contains(said), "{rest}: {text}");
        assert!(!text.contains("secret"), "{rest}: {text}");
    }
}

/// A port on which connections are taken, and never answered.
fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A port on which nobody listens.
fn closed() -> u16 {
    silent().1
}

#[tokio::test]
async fn servers_that_are_away_are_each_named_and_waited_for() {
    let (one, two) = (closed(), closed());
    let hosts = parse(&format!("postgres://me:secret@127.0.0.1:{one},127.0.0.1:{two}/db"));
    let error = hosts.unwrap().connect().await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(error.is_transient() && !text.contains("secret"), "{text}");
    for port in [one, two] {
        assert!(text.contains(&format!("127.0.0.1:{port}: ")), "{text}");
    }
}

/// The wait for the silent one is the caller's to end. Until then the other one may come back.
#[tokio::test]
async fn while_one_keeps_silent_the_others_are_asked_again() {
    let (_listener, silent) = silent();
    let again = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = again.local_addr().unwrap().port();
    let hosts = parse(&format!("postgres://me@127.0.0.1:{silent},127.0.0.1:{port}/db")).unwrap();
    let began = monotonic::now();
    let asked = tokio::task::spawn_blocking(move || {
        // Each connection is closed at once.
        (0..3).map(|_| drop(again.accept().unwrap())).count()
    });
    tokio::select! {
        _ = hosts.connect() => panic!("nobody takes writes"),
        asked = asked => assert_eq!(asked.unwrap(), 3),
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
}
