//! What to expect of a wake: at once when it is asked for, and whenever somebody looks.

use model::Timestamp;
use push::{AppCondition, Channel, ChannelState, Door, EndReason, Mode, Summons};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::WakeRecord;
use crate::{
    Error, Store,
    commit::Tools,
    entity::{channel, push_app, summons},
    record::{channel_of, summons_of},
};

/// A durable wake, and what to expect of it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The wake.
    pub wake: WakeRecord,
    /// What to expect.
    pub expectation: Expectation,
    /// The state of the device's channel.
    pub channel_state: ChannelState,
    /// What stands in the way of a push; none if it goes at once, or the wake has ended.
    pub obstacle: Option<EndReason>,
}

/// What a new wake can expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// It is pushed now.
    PushNow,
    /// Something holds pushes back until then; [`Timestamp::MAX`] means until an operator acts.
    GatedUntil(Timestamp),
    /// There is nothing to push to: the device must come by itself.
    WaitsForSession,
    /// It has ended already.
    Ended,
}

impl Store {
    /// What to expect of a wake now.
    pub async fn expect(&self, wake: WakeRecord, now: Timestamp) -> Result<Asked, Error> {
        let (device, readers) = (wake.wake.device().uuid(), self.readers());
        let (channel, push_app) = match channel::Entity::find_by_id(device).one(readers).await? {
            Some(row) => (channel_of(&row, self.tools())?.channel, row.push_app),
            // The device is gone, and its wakes with it.
            None => (Channel::default(), String::new()),
        };
        let summons =
            summons::Entity::find().filter(summons::Column::DeviceId.eq(device)).one(readers).await?;
        let summons = summons.as_ref().map(summons_of).transpose()?;
        let app = push_app::Entity::find_by_id(&push_app).one(readers).await?;
        let condition = app.map(|row| serde_json::from_str(&row.condition)).transpose()?.unwrap_or_default();
        Ok(Asked::of(wake, summons.as_ref(), &channel, (&push_app, &condition), now, self.tools()))
    }
}

impl Asked {
    pub(super) fn of(
        wake: WakeRecord,
        summons: Option<&Summons>,
        channel: &Channel,
        (app, condition): (&str, &AppCondition),
        now: Timestamp,
        tools: &Tools,
    ) -> Self {
        let rules = &tools.rules;
        let expectation = match summons {
            _ if wake.wake.end().is_some() => Expectation::Ended,
            Some(summons)
                if summons.mode() == Mode::On && channel.pushable(now, rules) && tools.apps.has(app) =>
            {
                expectation(summons, channel, condition.door(now), now, rules)
            }
            _ => Expectation::WaitsForSession,
        };
        let obstacle = summons.and_then(|summons| match expectation {
            Expectation::PushNow | Expectation::Ended => None,
            Expectation::GatedUntil(_) => {
                Some(summons.why(channel, tools.apps.reason(app, condition, now), now, rules))
            }
            // Whatever became of earlier pushes: there will be no more.
            Expectation::WaitsForSession if summons.mode() != Mode::On => Some(EndReason::PushOff),
            Expectation::WaitsForSession => Some(EndReason::NoChannel),
        });
        Self { wake, expectation, channel_state: channel.state(), obstacle }
    }
}

fn expectation(
    summons: &Summons,
    channel: &Channel,
    door: Door,
    now: Timestamp,
    rules: &push::Settings,
) -> Expectation {
    let shut_until = match door {
        Door::Shut(until) => until,
        Door::Open | Door::Probe | Door::Probing(_) => Timestamp::EPOCH,
    };
    // While a push is in flight, nothing more can be said than that one has just gone.
    let due = if summons.in_flight().is_some() { now } else { summons.next_at(channel, now, rules) };
    let until = due.max(shut_until);
    if until <= now { Expectation::PushNow } else { Expectation::GatedUntil(until) }
}
