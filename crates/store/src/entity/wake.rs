//! Table `wakes`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "wakes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub device_id: Uuid,
    pub device_name: String,
    pub summons_id: Option<Uuid>,
    pub caller: String,
    pub reason: String,
    pub labels: String,
    pub priority: i16,
    pub asked_at: i64,
    pub deadline: i64,
    pub state: String,
    pub ended_at: Option<i64>,
    pub end_reason: Option<String>,
    pub session_id: Option<Uuid>,
    pub attribution: Option<String>,
    pub push_id: Option<Uuid>,
    pub trace: String,
    pub parent: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
