use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection};

use crate::Failed;
use crate::figures::Figures;

/// Rows that one commit carries.
const GROUP: u32 = 100;
const SCHEMA: &str = "create table limit_row(
    id integer primary key, key text not null unique, payload text not null,
    state integer not null default 0)";
/// One statement for the group: the limit is the database's, not that of calling it.
const INSERT: &str = "with recursive n(i) as (select 1 union all select i + 1 from n where i < ?1)
    insert into limit_row(key, payload)
    select lower(hex(randomblob(8))), '{\"id\":1}' from n where true on conflict do nothing";

/// Inserts rows with a random unique key, 100 a commit and one a commit, by one writer in WAL
/// mode with `synchronous=FULL`, in a file beside the database's own.
pub(super) async fn measure(file: &Path, span: Duration) -> Result<Figures, Failed> {
    let group = rate(file, GROUP, span).await?;
    let single = rate(file, 1, span).await?;
    Ok(Figures::new("limit of sqlite, synchronous=FULL, one writer")
        .with("rows_per_second_100_per_commit", group)
        .with("rows_per_second_1_per_commit", single))
}

async fn rate(file: &Path, group: u32, span: Duration) -> Result<f64, Failed> {
    let scratch = Scratch::beside(file);
    let options = SqliteConnectOptions::new()
        .filename(&scratch.0)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::query(SCHEMA).execute(&mut connection).await?;
    let (started, mut rows) = (Instant::now(), 0);
    while started.elapsed() < span {
        rows += sqlx::query(INSERT).bind(group).execute(&mut connection).await?.rows_affected();
    }
    let took = started.elapsed().as_secs_f64();
    connection.close().await?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = rows as f64 / took;
    Ok(rate)
}

/// A database file that is there as long as this.
struct Scratch(PathBuf);

impl Scratch {
    fn beside(file: &Path) -> Self {
        let mut name = file.as_os_str().to_owned();
        name.push(format!(".limit-{}", std::process::id()));
        let scratch = Self(name.into());
        scratch.remove();
        scratch
    }

    fn remove(&self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = self.0.as_os_str().to_owned();
            name.push(suffix);
            // It need not be there.
            let _ = std::fs::remove_file(name);
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.remove();
    }
}
