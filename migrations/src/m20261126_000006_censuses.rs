//! What one replica counted, for all of them to tell.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, text, text_null},
};

use crate::{create, drop};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create(manager, [censuses()], []).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, ["censuses"]).await
    }
}

fn censuses() -> TableCreateStatement {
    Table::create()
        .table("censuses")
        .col(text("name").primary_key())
        // When somebody began to count.
        .col(big_integer("at"))
        // JSON; none until the first count is done.
        .col(text_null("counted"))
        .to_owned()
}
