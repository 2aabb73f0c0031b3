//! What can go wrong with the store, and whose fault it is.

use std::time::Duration;

use sea_orm::{DbErr, RuntimeErr, SqlErr};
use thiserror::Error;

/// What can go wrong. Each edge has one table that turns these into its own codes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// There is no such record: the caller's mistake.
    #[error("not found")]
    NotFound,
    /// Somebody else was faster, or the record exists: read again and repeat, or give up.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    /// Too much is queued; try again after this.
    #[error("too many writes are queued")]
    Busy(Duration),
    /// The database cannot be reached or failed; try again after this.
    #[error("the database is unavailable: {reason}")]
    Unavailable {
        /// How long to wait.
        after: Duration,
        /// The database's words, without values.
        reason: String,
    },
    /// A record does not make sense, or cannot be unsealed: an operator must look.
    #[error("a record is corrupt: {0}")]
    Corrupt(String),
}

/// How long to leave a database alone that failed.
const RECOVERY: Duration = Duration::from_secs(1);

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if let Some(SqlErr::UniqueConstraintViolation(_)) = error.sql_err() {
            return Self::Conflict("it exists already");
        }
        if is_crosswise(&error) {
            return Self::Conflict("another replica was in the way");
        }
        match error {
            DbErr::RecordNotFound(_) | DbErr::RecordNotUpdated => Self::NotFound,
            DbErr::Type(what) | DbErr::Json(what) => Self::Corrupt(what),
            other => Self::Unavailable { after: RECOVERY, reason: describe(&other) },
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// PostgreSQL rolled the transaction back because others waited for it crosswise: nothing is wrong with what it did.
fn is_crosswise(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return false;
    };
    let code = error.as_database_error().and_then(sea_orm::sqlx::error::DatabaseError::code);
    // Deadlock, and failure to serialize.
    code.is_some_and(|code| matches!(code.as_ref(), "40P01" | "40001"))
}

/// The error's own words. Drivers name tables, columns and constraints, never bound values.
fn describe(error: &DbErr) -> String {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(e))
        | DbErr::Exec(RuntimeErr::SqlxError(e))
        | DbErr::Query(RuntimeErr::SqlxError(e)) => e.to_string(),
        // It quotes the URL, which may hold a password.
        DbErr::Conn(RuntimeErr::Internal(_)) => "its URL names no supported engine or cannot be read".into(),
        other => other.to_string(),
    }
}
