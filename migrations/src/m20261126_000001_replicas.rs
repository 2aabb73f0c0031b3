//! What replicas find when they start: whether they have the right key, and when the gateway was last alive.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, blob, integer, text},
};

use crate::{create, drop};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create(manager, [key_check(), heartbeats()], []).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, ["heartbeats", "key_check"]).await
    }
}

fn key_check() -> TableCreateStatement {
    Table::create()
        .table("key_check")
        .col(integer("id").primary_key())
        // Sealed: a constant.
        .col(blob("sealed"))
        .to_owned()
}

fn heartbeats() -> TableCreateStatement {
    Table::create().table("heartbeats").col(text("name").primary_key()).col(big_integer("at")).to_owned()
}
