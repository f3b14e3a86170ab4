#!/bin/sh
# sqlx 0.9.0.
#
# A URL names an IPv6 host in brackets: postgres://me@[::1]:1/db (RFC 3986, libpq too). One would guess
# that sqlx connects to ::1. It keeps the brackets in the host's name and looks that name up, which
# fails; it works only if the host is given as an option.
#
# Seen: in the URL: host "[::1]", not found by name; as an option: host "::1", connection refused
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p src
cat >Cargo.toml <<'TOML'
[package]
name = "shown"
version = "0.0.0"
edition = "2024"

[dependencies]
sqlx = { version = "=0.9.0", default-features = false, features = ["postgres", "runtime-tokio"] }
tokio = { version = "=1.54.1", features = ["macros", "rt"] }
TOML
cat >src/main.rs <<'RUST'
use std::io::ErrorKind;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

/// Nobody listens on port 1, so whoever gets as far as the host is refused.
async fn tried(options: PgConnectOptions) -> String {
    let how = match options.connect().await {
        Err(sqlx::Error::Io(error)) if error.kind() == ErrorKind::ConnectionRefused => {
            "connection refused"
        }
        Err(sqlx::Error::Io(_)) => "not found by name",
        _ => "something else",
    };
    format!("host {:?}, {how}", options.get_host())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let in_the_url: PgConnectOptions = "postgres://me@[::1]:1/db".parse()?;
    let as_an_option = in_the_url.clone().host("::1");
    println!("in the URL: {}; as an option: {}", tried(in_the_url).await, tried(as_an_option).await);
    Ok(())
}
RUST
cargo build --quiet
seen=$(target/debug/shown)
echo "$seen"
[ "$seen" = 'in the URL: host "[::1]", not found by name; as an option: host "::1", connection refused' ]
