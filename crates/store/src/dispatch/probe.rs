//! The push that shows whether an app may push again: one at a time, over all replicas (DESIGN §5).

use ::push::Door;
use model::{DeviceId, PushAppName, PushId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{ClaimRequest, ClaimedPush};
use crate::{
    Error, Store,
    app::{locked_condition, save_condition},
    commit::{Operation, Scope, Shared},
    entity::push,
    record::condition_of,
};

/// A claim of one push, by the only replica that may probe, and of those before it that are only observed.
pub(super) struct ProbeRequest(pub(super) ClaimRequest);

impl Operation for ProbeRequest {
    type Output = Vec<ClaimedPush>;

    fn device(&self) -> Option<DeviceId> {
        None
    }

    fn shared(&self) -> Option<Shared<'_>> {
        Some(Shared::App(self.0.app.as_str()))
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Vec<ClaimedPush>, Error> {
        let request = &self.0;
        // The row stays locked until the commit: of replicas that come together, the second one sees the probe of the first.
        let Some(mut condition) = locked_condition(scope, &request.app).await? else { return Ok(Vec::new()) };
        if condition.door(request.now) != Door::Probe {
            return Ok(Vec::new());
        }
        let mut claimed = Vec::new();
        for id in &request.ids {
            let one = ClaimRequest { ids: vec![*id], ..request.clone() }.run(scope).await?;
            let Some(push) = one.into_iter().next() else { break };
            let observed = push.observed;
            claimed.push(push);
            if !observed {
                condition.begin_probe(*id, request.now + request.lease);
                save_condition(scope, &request.app, &condition).await?;
                break;
            }
            // It shows nothing of the app: the next one may.
        }
        Ok(claimed)
    }

    fn is_news(claimed: &Vec<ClaimedPush>) -> bool {
        !claimed.is_empty()
    }
}

/// The same in a transaction of its own.
struct GiveUp {
    app: PushAppName,
    id: PushId,
}

impl Operation for GiveUp {
    type Output = ();

    fn device(&self) -> Option<DeviceId> {
        None
    }

    fn shared(&self) -> Option<Shared<'_>> {
        Some(Shared::App(self.app.as_str()))
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        give_up(scope, &self.app, self.id).await
    }
}

impl Store {
    /// A probe whose push is over, or forgotten, although nobody told: its replica crashed, and the lease ran out.
    pub(crate) async fn give_up_lost_probes(&self) -> Result<(), Error> {
        for app in self.push_apps().await? {
            let Some(id) = app.condition.probe() else { continue };
            let under_way = push::Entity::find_by_id(id.uuid()).filter(push::Column::FinishedAt.is_null());
            if under_way.one(self.readers()).await?.is_none() {
                self.submit(GiveUp { app: app.name, id }).await?;
            }
        }
        Ok(())
    }
}

/// Nothing will be heard of a claimed push: if it is its app's probe, the next one may go.
pub(super) async fn give_up(scope: &Scope<'_>, app: &PushAppName, id: PushId) -> Result<(), Error> {
    if !condition_of(scope, app.as_str()).await?.is_probed_by(id) {
        return Ok(());
    }
    let Some(mut condition) = locked_condition(scope, app).await? else { return Ok(()) };
    condition.end_probe(id);
    save_condition(scope, app, &condition).await
}
