//! What one replica counted, for all of them to tell.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, text, text_null},
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const CENSUSES: &str = "censuses";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(CENSUSES)
            .col(text("name").primary_key())
            // When somebody began to count.
            .col(big_integer("at"))
            // JSON; none until the first count is done.
            .col(text_null("counted"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(CENSUSES).to_owned()).await
    }
}
