//! Opening the two engines. Apart from this file and [`crate::commit::Scope::db_now`], nothing asks which one it is.

use std::time::Duration;

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbBackend, SqliteTransactionMode, TransactionOptions,
    sqlx::sqlite,
};

use crate::Error;

/// One connection for the committer, and a pool for readers. Writes of all kinds go through the first.
pub(crate) struct Engine {
    pub(crate) writer: DatabaseConnection,
    pub(crate) readers: DatabaseConnection,
}

impl Engine {
    pub(crate) async fn open(url: &str, readers: u32) -> Result<Self, Error> {
        Ok(Self { writer: connect(url, 1).await?, readers: connect(url, readers).await? })
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }
}

/// A pool of connections, all of them set up alike.
pub(crate) async fn connect(url: &str, connections: u32) -> Result<DatabaseConnection, Error> {
    Ok(Database::connect(options(url, connections)).await?)
}

/// How a transaction begins that writes: SQLite takes its lock at once, for another process may hold it, and only at the
/// beginning does it wait for it.
pub(crate) fn for_writing() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
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
