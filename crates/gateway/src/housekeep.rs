//! What the device said about its channel, and what to ask it next (DESIGN §4).

use dm::{Outgoing, Turn};
use model::{Pfn, Timestamp};
use push::{Channel, Context, Detail, Visit};
use store::Visitor;

use crate::{Inner, decide::Moment, housekeeper::Household};

impl Inner {
    /// Takes the device's answers into the channel. Returns the commands of the next step.
    pub(crate) fn housekeep(
        &self,
        turn: &Turn<'_>,
        visitor: &Visitor,
        channel: &mut Channel,
        visit: &mut Option<Visit>,
        moment: &Moment,
    ) -> Vec<Outgoing> {
        let device = &visitor.device;
        let mode = self.store.rules().mode_of(device.push_app.as_str(), &device.labels);
        if mode == push::Mode::Off {
            return Vec::new();
        }
        let Some(pfn) = self.settings.apps.get(&device.push_app) else {
            tracing::warn!(device = %device.name, push_app = %device.push_app, "the device's push app is not configured");
            return Vec::new();
        };
        let context = self.context(visitor, pfn, moment);
        let household = Household {
            provider: &device.provider_id,
            detail: self.detail(visitor, moment.now),
            unenrolled: device.unenrolled_at.is_some(),
        };
        self.housekeeper.step(turn, household, channel, visit, &context).unwrap_or_else(|error| {
            tracing::error!(device = %device.name, %error, "housekeeping cannot be put into commands");
            Vec::new()
        })
    }

    fn context<'a>(&'a self, visitor: &Visitor, pfn: &'a Pfn, moment: &Moment) -> Context<'a> {
        let os_version = visitor.device.info.os_version.as_deref().unwrap_or_default();
        Context {
            now: moment.now,
            settings: self.store.rules(),
            pfn,
            device: visitor.device.id,
            old_build: push::renewal_fails(os_version),
            may_write: moment.may_write,
        }
    }

    fn detail(&self, visitor: &Visitor, now: Timestamp) -> Detail {
        let known_until = visitor.device.detail_read_at.map(|at| at + self.settings.detail_every);
        if known_until.is_some_and(|until| now < until) { Detail::Known } else { Detail::Due }
    }
}
