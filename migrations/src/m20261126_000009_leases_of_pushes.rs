//! A push that is under way when its summons ends keeps the lease, so that somebody tells when nobody reports its end.
//!
//! The column is nullable: the release before this one goes on writing rows without it.

use sea_orm_migration::{prelude::*, schema::big_integer_null};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const LEFT_ALONE: &str = "pushes_left_alone";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // By the database's clock; none while a summons holds the lease.
        let lease = big_integer_null("lease_until");
        manager.alter_table(Table::alter().table("pushes").add_column(lease).to_owned()).await?;
        let unfinished = Expr::col("finished_at").is_null().and(Expr::col("lease_until").is_not_null());
        let index = Index::create()
            .table("pushes")
            .name(LEFT_ALONE)
            .col("lease_until")
            .and_where(unfinished)
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().table("pushes").name(LEFT_ALONE).to_owned()).await?;
        manager.alter_table(Table::alter().table("pushes").drop_column("lease_until").to_owned()).await
    }
}
