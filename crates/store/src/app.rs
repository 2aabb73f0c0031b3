//! Push apps: from the configuration, with a condition that all replicas share.

use futures_util::future::try_join_all;
use model::{DeviceId, Pfn, PushAppName, Timestamp};
use push::{AppCondition, Settings};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Store,
    commit::{Operation, Scope, Shared},
    entity::{channel, push_app},
    record::corrupt,
};

mod new_pfn;

/// A push app, as it is remembered.
#[derive(Clone, Debug)]
pub struct PushAppRecord {
    /// Its name.
    pub name: PushAppName,
    /// Its PFN.
    pub pfn: Pfn,
    /// What holds it back, if anything.
    pub condition: AppCondition,
}

/// How many devices of an app have a channel in a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelCount {
    /// The app.
    pub app: String,
    /// The state's name.
    pub state: String,
    /// How many.
    pub count: u64,
}

/// What an operator does to a push app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppCommand {
    /// Its wakes wait.
    Pause,
    /// Pause, block, gate and fault are lifted; the next push is a probe. Deaths that are suspect are taken for real.
    Resume,
    /// The app's credentials were replaced: a fault of theirs is probed at once.
    Mended,
}

impl Store {
    /// Makes the configured apps known, and that there are no others. Their next push is a probe, for nobody knows what
    /// happened meanwhile. Channels that were made under another PFN of such an app are `unset` from now on; of a hundred
    /// thousand devices that takes some seconds.
    pub async fn register_apps(&self, apps: Vec<(PushAppName, Pfn)>, now: Timestamp) -> Result<(), Error> {
        self.tools().apps.set(apps.iter().map(|(name, _)| name));
        for (name, pfn) in &apps {
            self.part_from_old_pfn(name, pfn, now).await?;
        }
        let registered = apps.into_iter().map(|(name, pfn)| self.submit(Register { name, pfn, now }));
        try_join_all(registered).await?;
        Ok(())
    }

    /// Every push app, by name.
    pub async fn push_apps(&self) -> Result<Vec<PushAppRecord>, Error> {
        let rows = push_app::Entity::find().order_by_asc(push_app::Column::Name).all(self.readers()).await?;
        rows.into_iter().map(app_of).collect()
    }

    /// One push app.
    pub async fn push_app(&self, name: &PushAppName) -> Result<PushAppRecord, Error> {
        let row = push_app::Entity::find_by_id(name.as_str()).one(self.readers()).await?;
        app_of(row.ok_or(Error::NotFound)?)
    }

    /// Channels by app and state.
    pub async fn channel_counts(&self) -> Result<Vec<ChannelCount>, Error> {
        let rows: Vec<(String, String, i64)> = channel::Entity::find()
            .select_only()
            .column(channel::Column::PushApp)
            .column(channel::Column::State)
            .column_as(Expr::col(channel::Column::State).count(), "count")
            .group_by(channel::Column::PushApp)
            .group_by(channel::Column::State)
            .into_tuple()
            .all(self.readers())
            .await?;
        let count = |(app, state, count): (String, String, i64)| ChannelCount {
            app,
            state,
            count: count.try_into().unwrap_or(0),
        };
        Ok(rows.into_iter().map(count).collect())
    }

    /// Applies a command to a push app, on every replica.
    pub async fn command_app(
        &self,
        name: &PushAppName,
        command: AppCommand,
        now: Timestamp,
    ) -> Result<PushAppRecord, Error> {
        let change = move |condition: &mut AppCondition, _: &Settings| match command {
            AppCommand::Pause => condition.pause(),
            AppCommand::Resume => condition.resume(now),
            AppCommand::Mended => condition.mended(now),
        };
        self.submit(Change { name: name.clone(), change }).await?;
        self.push_app(name).await
    }

    /// A token was asked for while a push app's credentials were in fault; `refused` says why there is none.
    pub async fn credentials_probed(
        &self,
        name: &PushAppName,
        refused: Option<String>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let change = move |condition: &mut AppCondition, rules: &Settings| {
            condition.credentials_probed(refused.as_deref(), now, rules);
        };
        self.submit(Change { name: name.clone(), change }).await
    }
}

/// The condition of a push app, whose row is locked until the commit; None if there is no such app.
pub(crate) async fn locked_condition(
    scope: &Scope<'_>,
    name: &PushAppName,
) -> Result<Option<AppCondition>, Error> {
    let row = push_app::Entity::find_by_id(name.as_str()).lock_exclusive().one(scope.tx).await?;
    Ok(row.map(|row| serde_json::from_str(&row.condition)).transpose()?)
}

pub(crate) async fn save_condition(
    scope: &Scope<'_>,
    name: &PushAppName,
    condition: &AppCondition,
) -> Result<(), Error> {
    push_app::Entity::update_many()
        .col_expr(push_app::Column::Condition, Expr::val(serde_json::to_string(condition)?))
        .filter(push_app::Column::Name.eq(name.as_str()))
        .exec(scope.tx)
        .await?;
    Ok(())
}

fn app_of(row: push_app::Model) -> Result<PushAppRecord, Error> {
    Ok(PushAppRecord {
        name: row.name.try_into().map_err(corrupt)?,
        pfn: row.pfn.try_into().map_err(corrupt)?,
        condition: serde_json::from_str(&row.condition)?,
    })
}

struct Register {
    name: PushAppName,
    pfn: Pfn,
    now: Timestamp,
}

impl Operation for Register {
    type Output = ();

    fn device(&self) -> Option<DeviceId> {
        None
    }

    fn shared(&self) -> Option<Shared<'_>> {
        Some(Shared::App(self.name.as_str()))
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        let mut condition = locked_condition(scope, &self.name).await?.unwrap_or_default();
        condition.restarted(self.now);
        let row = push_app::ActiveModel {
            name: Set(self.name.to_string()),
            pfn: Set(self.pfn.to_string()),
            condition: Set(serde_json::to_string(&condition)?),
        };
        let update = [push_app::Column::Pfn, push_app::Column::Condition];
        push_app::Entity::insert(row)
            .on_conflict(OnConflict::column(push_app::Column::Name).update_columns(update).to_owned())
            .exec_without_returning(scope.tx)
            .await?;
        Ok(())
    }
}

/// A change of a push app's condition.
struct Change<F> {
    name: PushAppName,
    change: F,
}

impl<F> Operation for Change<F>
where
    F: Fn(&mut AppCondition, &Settings) + Send + Sync + 'static,
{
    type Output = ();

    fn device(&self) -> Option<DeviceId> {
        None
    }

    fn shared(&self) -> Option<Shared<'_>> {
        Some(Shared::App(self.name.as_str()))
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        let mut condition = locked_condition(scope, &self.name).await?.ok_or(Error::NotFound)?;
        (self.change)(&mut condition, &scope.tools.rules);
        save_condition(scope, &self.name, &condition).await
    }
}
