//! A session remembers the spans of the wakes that it answered besides the oldest, so that whoever ends it can link them.
//!
//! The column is nullable: the release before this one goes on writing rows without it.

use sea_orm_migration::{prelude::*, schema::text_null};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // W3C trace contexts, separated by spaces.
        let links = text_null("links");
        manager.alter_table(Table::alter().table("sessions").add_column(links).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("sessions").drop_column("links").to_owned()).await
    }
}
