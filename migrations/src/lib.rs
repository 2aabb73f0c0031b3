//! The history of the database schema: one file per change, expand before contract, never with entities (they change).
//!
//! A release runs on the schema of the one before it, and the other way round, so a change only adds; what it makes
//! useless is dropped a release later.

pub use sea_orm_migration::{MigratorTrait, sea_orm::DbErr};

use sea_orm_migration::{
    SchemaManager,
    prelude::{MigrationTrait, async_trait},
    sea_orm::{ConnectionTrait, DatabaseConnection, Statement},
};

mod m20261123_000001_initial;
mod m20261126_000002_certificates_and_outcomes;
mod m20261126_000003_pushes_by_app;
mod m20261126_000007_censuses;
mod m20261126_000008_links_of_sessions;
mod m20261126_000009_leases_of_pushes;

/// Every change, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_initial::Migration),
            Box::new(m20261126_000002_certificates_and_outcomes::Migration),
            Box::new(m20261126_000003_pushes_by_app::Migration),
            Box::new(m20261126_000007_censuses::Migration),
            Box::new(m20261126_000008_links_of_sessions::Migration),
            Box::new(m20261126_000009_leases_of_pushes::Migration),
        ]
    }
}

/// The names of the changes that a database has, oldest first. It is only read: whoever serves need not be allowed to
/// change the schema.
pub async fn applied(db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    if !SchemaManager::new(db).has_table("seaql_migrations").await? {
        return Ok(Vec::new());
    }
    let names = "SELECT version FROM seaql_migrations ORDER BY version";
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), names)).await?;
    rows.iter().map(|row| row.try_get("", "version")).collect()
}
