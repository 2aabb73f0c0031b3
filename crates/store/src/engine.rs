//! Opening the two engines. Apart from this file and [`crate::commit::Scope::db_now`], nothing asks which one it is.

use std::time::Duration;

use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbBackend, sqlx::sqlite};

use crate::Error;

/// One connection for the committer, and a pool for readers. Writes of all kinds go through the first.
pub(crate) struct Engine {
    pub(crate) writer: DatabaseConnection,
    pub(crate) readers: DatabaseConnection,
}

impl Engine {
    pub(crate) async fn open(url: &str, readers: u32) -> Result<Self, Error> {
        Ok(Self {
            writer: Database::connect(options(url, 1)).await?,
            readers: Database::connect(options(url, readers)).await?,
        })
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }
}

fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire(false)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .create_if_missing(true)
                .journal_mode(sqlite::SqliteJournalMode::Wal)
                .synchronous(sqlite::SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(10))
                .foreign_keys(true)
        });
    options
}
