//! The history of the database schema: one file per change, expand before contract, never with entities (they change).
//!
//! A release runs on the schema of the one before it, and the other way round, so a change only adds; what it makes
//! useless is dropped a release later.

pub use sea_orm_migration::{MigratorTrait, sea_orm::DbErr};

use sea_orm_migration::prelude::{MigrationTrait, async_trait};

mod m20261123_000001_initial;

/// Every change, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m20261123_000001_initial::Migration)]
    }
}
