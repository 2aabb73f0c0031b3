//! A push app whose PFN in the configuration is another one than before (DESIGN §4): nobody can push to the channels that
//! were made under the old one.

use model::{DeviceId, Pfn, PushAppName, Timestamp};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::{
    Error, Store,
    commit::{Operation, Scope},
    entity::{channel, device, push_app},
    record::{channel_of, lock_free_devices, mode_of, save_channel, save_summons, summons_of_device},
};

/// Devices that one transaction looks at.
const ROUND: u64 = 500;
/// So often a round is repeated for devices that others hold. What is left then, a claim holds back.
const TRIES: u32 = 10;

impl Store {
    /// Parts the channels of `app` that were made under another PFN, before its new one is made known: a process that stops
    /// halfway begins again.
    pub(super) async fn part_from_old_pfn(
        &self,
        app: &PushAppName,
        pfn: &Pfn,
        now: Timestamp,
    ) -> Result<(), Error> {
        let known = push_app::Entity::find_by_id(app.as_str()).one(self.readers()).await?;
        if known.is_none_or(|row| row.pfn == pfn.as_str()) {
            return Ok(());
        }
        let mut parted = 0;
        let mut after = Some(Uuid::nil());
        while let Some(from) = after {
            for _ in 0..TRIES {
                let round = Part { app: app.clone(), pfn: pfn.clone(), after: from, now };
                let done = self.submit(round).await?;
                parted += done.channels;
                after = done.last;
                if !done.some_were_held {
                    break;
                }
            }
        }
        tracing::info!(push_app = %app, channels = parted, "the PFN is another one: devices get it in their next sessions");
        Ok(())
    }
}

struct Part {
    app: PushAppName,
    pfn: Pfn,
    after: Uuid,
    now: Timestamp,
}

/// What came of a round.
struct Parted {
    channels: u64,
    /// The last device that was looked at; none at the end.
    last: Option<Uuid>,
    some_were_held: bool,
}

impl Operation for Part {
    type Output = Parted;

    fn device(&self) -> Option<DeviceId> {
        None
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Parted, Error> {
        let ids: Vec<Uuid> = channel::Entity::find()
            .select_only()
            .column(channel::Column::DeviceId)
            .filter(channel::Column::PushApp.eq(self.app.as_str()))
            .filter(channel::Column::DeviceId.gt(self.after))
            .order_by_asc(channel::Column::DeviceId)
            .limit(ROUND)
            .into_tuple()
            .all(scope.tx)
            .await?;
        let (last, count) = (ids.last().copied(), ids.len());
        let devices = lock_free_devices(scope, ids).await?;
        let some_were_held = devices.len() < count;
        let mut parted = 0;
        for device in &devices {
            match self.part(scope, device).await {
                // Its next session finds the same, and so does a claim.
                Err(Error::Corrupt(what)) => {
                    tracing::error!(device = %device.id, what, "a channel cannot be parted from an old PFN");
                }
                done => parted += u64::from(done?),
            }
        }
        Ok(Parted { channels: parted, last, some_were_held })
    }

    fn is_news(done: &Parted) -> bool {
        done.channels > 0
    }
}

impl Part {
    /// Whether there was anything to do.
    async fn part(&self, scope: &Scope<'_>, device: &device::Model) -> Result<bool, Error> {
        let id = DeviceId::new(device.id);
        let row = channel::Entity::find_by_id(device.id).one(scope.tx).await?;
        let Some(mut stored) = row.map(|row| channel_of(&row, scope.tools)).transpose()? else {
            return Ok(false);
        };
        if !stored.channel.part_from_other_than(&self.pfn, self.now) {
            return Ok(false);
        }
        save_channel(scope, id, &stored).await?;
        if let Some(mut summons) = summons_of_device(scope, id).await? {
            summons.set_mode(mode_of(device, scope.tools)?);
            save_summons(scope, &summons, &stored.channel, self.now).await?;
        }
        Ok(true)
    }
}
