//! The history of the database schema: one file per change, expand before contract, never with entities (they change).
//!
//! A release runs on the schema of the one before it, and the other way round, so a change only adds; what it makes
//! useless is dropped a release later, and no file is edited once it is released. The changes of 2026-11-26 make the schema
//! of the first release.
//!
//! Timestamps are `BIGINT` UTC microseconds. `rules` columns hold what only the rules of `push` read, as JSON; what is
//! searched for stands in columns beside them. `Sealed` in a comment: encrypted by the store.

pub use sea_orm_migration::{MigratorTrait, sea_orm::DbErr};

use sea_orm_migration::{
    SchemaManager,
    prelude::*,
    sea_orm::{ConnectionTrait, DatabaseConnection, Statement},
};

mod m20261126_000001_replicas;
mod m20261126_000002_devices;
mod m20261126_000003_sessions;
mod m20261126_000004_wakes;
mod m20261126_000005_pushes;
mod m20261126_000006_censuses;

/// Every change, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261126_000001_replicas::Migration),
            Box::new(m20261126_000002_devices::Migration),
            Box::new(m20261126_000003_sessions::Migration),
            Box::new(m20261126_000004_wakes::Migration),
            Box::new(m20261126_000005_pushes::Migration),
            Box::new(m20261126_000006_censuses::Migration),
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

async fn create(
    manager: &SchemaManager<'_>,
    tables: impl IntoIterator<Item = TableCreateStatement>,
    indexes: impl IntoIterator<Item = IndexCreateStatement>,
) -> Result<(), DbErr> {
    for table in tables {
        manager.create_table(table).await?;
    }
    for index in indexes {
        manager.create_index(index).await?;
    }
    Ok(())
}

/// Drops tables, with their indexes.
async fn drop(
    manager: &SchemaManager<'_>,
    tables: impl IntoIterator<Item = &'static str>,
) -> Result<(), DbErr> {
    for table in tables {
        manager.drop_table(Table::drop().table(table).to_owned()).await?;
    }
    Ok(())
}

fn index(table: &'static str, name: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.table(table).name(name);
    for column in columns {
        index.col(*column);
    }
    index
}

/// `device_id` is a device's: what is there of it goes with the device.
fn of_device(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, "device_id")
        .to("devices", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}
