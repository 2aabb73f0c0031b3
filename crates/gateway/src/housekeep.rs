//! What the device said about its channel, and what to ask it next (DESIGN §4).

use dm::{Outgoing, Turn};
use model::{Pfn, Scope, Timestamp};
use push::{Channel, Context, Detail, Visit};
use store::Visitor;

use crate::{Inner, decide::Moment, observation};

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
        let off = self.store.rules().mode == push::Mode::Off;
        if off || turn.scope() == Scope::User {
            return Vec::new();
        }
        let Some(pfn) = self.settings.apps.get(&device.push_app) else {
            tracing::warn!(device = %device.name, push_app = %device.push_app, "the device's push app is not configured");
            return Vec::new();
        };
        if turn.opened() && device.unenrolled_at.is_some() {
            channel.forget(moment.now);
        }
        let context = self.context(visitor, pfn, moment);
        let seen = observation::of(turn.outcomes(), &device.provider_id);
        let steps = match visit {
            Some(visit) if turn.may_send() => visit.proceed(channel, &seen, &context),
            Some(visit) => {
                visit.note(channel, &seen, &context);
                Vec::new()
            }
            None if turn.may_send() => {
                let (begun, steps) = Visit::begin(channel, self.detail(visitor, moment.now), &context);
                *visit = Some(begun);
                steps
            }
            None => Vec::new(),
        };
        self.nodes.commands(&device.provider_id, &steps).unwrap_or_else(|error| {
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
