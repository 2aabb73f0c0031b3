//! Devices are bound to client certificates and remember their last refusal; sessions record what became of commands.
//!
//! Every column is nullable or has a default: the release before this one goes on writing rows without them.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer_null, integer, text, text_null},
};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const BY_CERTIFICATE: &str = "devices_by_certificate";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, columns) in added() {
            for column in columns {
                // One by one: SQLite adds a single column in a statement.
                manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
            }
        }
        let unique = Index::create()
            .table("devices")
            .name(BY_CERTIFICATE)
            .col("certificate")
            .unique()
            .and_where(Expr::col("certificate").is_not_null())
            .to_owned();
        manager.create_index(unique).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().table("devices").name(BY_CERTIFICATE).to_owned()).await?;
        for (table, columns) in added() {
            for column in columns {
                let name = column.get_column_name();
                manager.alter_table(Table::alter().table(table).drop_column(name).to_owned()).await?;
            }
        }
        Ok(())
    }
}

fn added() -> [(&'static str, Vec<ColumnDef>); 2] {
    let devices = vec![
        // SHA-256 of the certificate's DER, 64 lower-case hexadecimal digits.
        text_null("certificate"),
        // Why a message was last refused that spoke for the device, and when.
        text_null("refusal"),
        big_integer_null("refused_at"),
    ];
    let sessions = vec![
        // `mode` and `Platform` of the query.
        text_null("mode"),
        text_null("platform"),
        // What became of commands, as JSON.
        text("outcomes").default("[]").to_owned(),
        // What becomes of the others if the session ends now, as JSON.
        text("outstanding").default("[]").to_owned(),
        // Statuses and Results for commands that were never sent.
        integer("ignored").default(0).to_owned(),
    ];
    [("devices", devices), ("sessions", sessions)]
}
