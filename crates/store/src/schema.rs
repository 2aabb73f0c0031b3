//! The schema: brought up to date under a lock, and checked before anything is served.

use migrations::{DbErr, Migrator, MigratorTrait};
use sea_orm::{
    ActiveValue::Set, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, EntityTrait,
    TransactionTrait,
};
use thiserror::Error;

use crate::{Error, entity::key_check, seal::Sealer};

/// Why a store cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The database is out of reach.
    #[error("the database cannot be opened: {0}")]
    Database(#[from] Error),
    /// The schema is older than this release.
    #[error("the schema lacks {0} change(s): run `reveille migrate up`")]
    Outdated(usize),
    /// The records were sealed with another key.
    #[error("the key (id {given}) is not the one that this database was sealed with: {reason}")]
    WrongKey {
        /// The id of the key that was given.
        given: String,
        /// What the database says.
        reason: String,
    },
}

/// Which changes a database has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaStatus {
    /// Those that it has, oldest first.
    pub applied: Vec<String>,
    /// Those that this release would add.
    pub pending: Vec<String>,
}

/// Brings the schema up to date. Several processes may try: one does it.
pub async fn schema_up(url: &str) -> Result<(), Error> {
    let db = connect(url).await?;
    locked(&db, Change::Up).await
}

/// Takes back the newest change. Data that only it knew is lost.
pub async fn schema_down(url: &str) -> Result<(), Error> {
    let db = connect(url).await?;
    locked(&db, Change::Down).await
}

/// Which changes a database has.
pub async fn schema_status(url: &str) -> Result<SchemaStatus, Error> {
    status(&connect(url).await?).await
}

/// A newer schema is welcome (the next release is being rolled out), an older one is not.
pub(crate) async fn check(db: &DatabaseConnection) -> Result<(), OpenError> {
    match status(db).await?.pending.len() {
        0 => Ok(()),
        missing => Err(OpenError::Outdated(missing)),
    }
}

/// Compares the key with the one that sealed the first record; a new database gets its record here.
pub(crate) async fn check_key(db: &DatabaseConnection, sealer: &Sealer) -> Result<(), OpenError> {
    let row = key_check::Entity::find_by_id(ONLY).one(db).await.map_err(Error::from)?;
    let Some(row) = row else {
        let sealed = Set(sealer.seal(COLUMN, &[], PLAIN)?);
        let first = key_check::ActiveModel { id: Set(ONLY), sealed };
        key_check::Entity::insert(first).exec_without_returning(db).await.map_err(Error::from)?;
        return Ok(());
    };
    sealer
        .unseal(COLUMN, &[], &row.sealed)
        .map(|_| ())
        .map_err(|error| OpenError::WrongKey { given: sealer.id(), reason: error.to_string() })
}

const ONLY: i32 = 1;
const COLUMN: &str = "key_check.sealed";
const PLAIN: &[u8] = b"reveille";
/// Any number that nobody else takes in this database.
const LOCK: i64 = 0x0072_6576_6569_6c6c;

#[derive(Clone, Copy)]
enum Change {
    Up,
    Down,
}

async fn connect(url: &str) -> Result<DatabaseConnection, Error> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|sqlite| sqlite.create_if_missing(true));
    Ok(Database::connect(options).await?)
}

async fn status(db: &DatabaseConnection) -> Result<SchemaStatus, Error> {
    let known = Migrator::migrations().into_iter().map(|change| change.name().to_owned());
    let applied = match Migrator::get_migration_models(db).await {
        Ok(models) => models.into_iter().map(|model| model.version).collect::<Vec<_>>(),
        Err(DbErr::Exec(_) | DbErr::Query(_)) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let pending = known.filter(|name| !applied.contains(name)).collect();
    Ok(SchemaStatus { applied, pending })
}

/// PostgreSQL: under an advisory lock of the transaction. SQLite locks its file by itself.
async fn locked(db: &DatabaseConnection, change: Change) -> Result<(), Error> {
    let tx = db.begin().await?;
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK})")).await?;
    }
    match change {
        Change::Up => Migrator::up(&tx, None).await?,
        Change::Down => Migrator::down(&tx, Some(1)).await?,
    }
    Ok(tx.commit().await?)
}
