//! An operator wants a device's channel to be made anew (DESIGN §4).

use model::{DeviceId, Timestamp};

use crate::{
    DeviceRecord, DeviceRef, Error, Store,
    commit::{Operation, Scope},
    record::{load_channel, lock_device, save_channel},
};

/// The device has left the management: there is nothing to do for it until it enrolls anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unenrolled;

impl Store {
    /// Plans a reset of the device's channel in its next session, whatever the state of the channel and whatever was tried
    /// before. A refusal is over at once.
    pub async fn reset_channel(
        &self,
        wanted: &DeviceRef,
        now: Timestamp,
    ) -> Result<Result<DeviceRecord, Unenrolled>, Error> {
        let device = self.device_id(wanted).await?;
        match self.submit(Reset { device, now }).await? {
            Ok(()) => self.device(&DeviceRef::Id(device)).await.map(Ok),
            Err(unenrolled) => Ok(Err(unenrolled)),
        }
    }
}

struct Reset {
    device: DeviceId,
    now: Timestamp,
}

impl Operation for Reset {
    type Output = Result<(), Unenrolled>;

    fn device(&self) -> Option<DeviceId> {
        Some(self.device)
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Self::Output, Error> {
        if lock_device(scope, self.device).await?.unenrolled_at.is_some() {
            return Ok(Err(Unenrolled));
        }
        let mut stored = load_channel(scope, self.device).await?;
        stored.channel.request_reset(self.now);
        save_channel(scope, self.device, &stored).await?;
        Ok(Ok(()))
    }
}
