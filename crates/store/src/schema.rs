//! The schema: brought up to date under a lock, and checked before anything is served.

use migrations::{Migrator, MigratorTrait};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DatabaseConnection, DbBackend, EntityTrait, TransactionTrait,
    sea_query::OnConflict,
};
use thiserror::Error;

use crate::{
    Error,
    engine::{connect, for_writing},
    entity::key_check,
    seal::{Key, Sealer},
};

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

/// Brings the schema up to date. Several processes may try: one does it. A newer schema is left as it is.
pub async fn schema_up(url: &str) -> Result<(), Error> {
    let db = connect(url, 1).await?;
    if status(&db).await?.pending.is_empty() {
        return Ok(());
    }
    locked(&db, Change::Up).await
}

/// Takes back the newest change. Data that only it knew is lost.
pub async fn schema_down(url: &str) -> Result<(), Error> {
    let db = connect(url, 1).await?;
    locked(&db, Change::Down).await
}

/// Which changes a database has.
pub async fn schema_status(url: &str) -> Result<SchemaStatus, Error> {
    status(&connect(url, 1).await?).await
}

/// Whether a key is the one of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It opened the first record.
    Fits,
    /// Nothing was sealed yet: the first store that is opened binds the database to its key.
    New,
}

/// Looks whether a store could be opened, and changes nothing.
pub async fn inspect(url: &str, key: &Key) -> Result<KeyState, OpenError> {
    let db = connect(url, 1).await?;
    check(&db).await?;
    match first_record(&db).await? {
        None => Ok(KeyState::New),
        Some(sealed) => opens(&Sealer::new(key), &sealed).map(|()| KeyState::Fits),
    }
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
    if first_record(db).await?.is_none() {
        let sealed = Set(sealer.seal(COLUMN, &[], PLAIN)?);
        // Another process may be doing the same: one of the two records stays, and both processes are held to it.
        key_check::Entity::insert(key_check::ActiveModel { id: Set(ONLY), sealed })
            .on_conflict(OnConflict::column(key_check::Column::Id).do_nothing().to_owned())
            .exec_without_returning(db)
            .await
            .map_err(Error::from)?;
    }
    opens(sealer, &first_record(db).await?.ok_or(Error::NotFound)?)
}

fn opens(sealer: &Sealer, sealed: &[u8]) -> Result<(), OpenError> {
    let unsealed = sealer.unseal(COLUMN, &[], sealed);
    unsealed.map(drop).map_err(|error| OpenError::WrongKey { given: sealer.id(), reason: error.to_string() })
}

/// Whether the key opens the first record, which is there once a store was opened.
pub(crate) async fn key_fits(db: &DatabaseConnection, sealer: &Sealer) -> Result<bool, Error> {
    let sealed = first_record(db).await?;
    Ok(sealed.is_some_and(|sealed| sealer.unseal(COLUMN, &[], &sealed).is_ok()))
}

async fn first_record(db: &DatabaseConnection) -> Result<Option<Vec<u8>>, Error> {
    Ok(key_check::Entity::find_by_id(ONLY).one(db).await?.map(|row| row.sealed))
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

pub(crate) async fn status(db: &DatabaseConnection) -> Result<SchemaStatus, Error> {
    let applied = migrations::applied(db).await?;
    let known = Migrator::migrations().into_iter().map(|change| change.name().to_owned());
    let pending = known.filter(|name| !applied.contains(name)).collect();
    Ok(SchemaStatus { applied, pending })
}

/// PostgreSQL: under an advisory lock of the transaction. SQLite locks its file by itself.
async fn locked(db: &DatabaseConnection, change: Change) -> Result<(), Error> {
    let tx = db.begin_with_options(for_writing()).await?;
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK})")).await?;
    }
    match change {
        Change::Up => Migrator::up(&tx, None).await?,
        Change::Down => Migrator::down(&tx, Some(1)).await?,
    }
    Ok(tx.commit().await?)
}
