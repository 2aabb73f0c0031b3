//! The last pushes of one app are found by an index: they tell whether many of its channels die at once.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

const BY_APP: &str = "pushes_of_app";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::create()
            .table("pushes")
            .name(BY_APP)
            .col("push_app")
            .col("finished_at")
            .and_where(Expr::col("finished_at").is_not_null())
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().table("pushes").name(BY_APP).to_owned()).await
    }
}
