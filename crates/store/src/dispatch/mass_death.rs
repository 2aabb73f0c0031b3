//! Whether too many channels of one app die at once (DESIGN §4), by the recorded pushes, which all replicas share.

use std::collections::BTreeSet;

use ::push::{Deaths, PushedBy, Verdict};
use model::{DeviceId, PushAppName, Timestamp};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::{PushResult, conclude::Found};
use crate::{
    Error,
    commit::Scope,
    entity::{channel, push},
    record::{
        condition_of, load_channel, lock_free_devices, others_with, save_channel, save_summons,
        summons_of_device,
    },
};

/// A recorded answer about a channel.
struct Answer {
    push: Uuid,
    device: Uuid,
    generation: u32,
    died: bool,
}

impl Answer {
    /// The device, and which of its URIs.
    fn channel(&self) -> (Uuid, u32) {
        (self.device, self.generation)
    }
}

/// What is made of a 404 or 410: the channel's death, or one of too many.
pub(super) async fn weigh(scope: &Scope<'_>, result: &PushResult) -> Result<Found, Error> {
    let rules = &scope.tools.rules;
    let mut condition = condition_of(scope, result.app.as_str()).await?;
    if condition.suspects_deaths() {
        return Ok(Found { verdict: Verdict::ChannelSuspect, deaths: None });
    }
    let before = answers(scope, &result.app, condition.deaths_count_from()).await?;
    let count = |answers: usize| u32::try_from(answers).unwrap_or(u32::MAX);
    // This one is not recorded yet.
    let deaths = Deaths {
        judged: count(before.len()) + 1,
        died: count(before.iter().filter(|answer| answer.died).count()) + 1,
    };
    Ok(if condition.weigh_deaths(deaths, result.now, rules) {
        Found { verdict: Verdict::ChannelSuspect, deaths: Some(deaths) }
    } else {
        Found { verdict: Verdict::ChannelDead, deaths: None }
    })
}

/// The deaths that led to the suspicion are suspect as well: their channels are as they were. A device that somebody else
/// holds at this moment keeps its death, and is set up anew: waiting here could be crosswise.
pub(super) async fn doubt(
    scope: &Scope<'_>,
    app: &PushAppName,
    since: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    let died: Vec<_> = answers(scope, app, since).await?.into_iter().filter(|answer| answer.died).collect();
    let devices = lock_free_devices(scope, died.iter().map(|answer| answer.device).collect()).await?;
    let mut revived = BTreeSet::new();
    for answer in &died {
        let Some(device) = devices.iter().find(|device| device.id == answer.device) else { continue };
        let by = if device.push_app == app.as_str() { PushedBy::Own } else { PushedBy::Former };
        match revive(scope, app, answer, by, now).await {
            // One record that cannot be read must not keep a verdict from being stored.
            Err(Error::Corrupt(what)) => {
                tracing::error!(device = %device.id, what, "a channel's death cannot be doubted");
            }
            done => {
                if done? {
                    revived.insert(answer.channel());
                }
            }
        }
    }
    // Two pushes may have found one channel dead: the answer to the first one came late.
    let doubted = died.iter().filter(|answer| revived.contains(&answer.channel())).map(|answer| answer.push);
    push::Entity::update_many()
        .col_expr(push::Column::Verdict, Expr::val(Verdict::ChannelSuspect.name()))
        .filter(push::Column::Id.is_in(doubted))
        .exec(scope.tx)
        .await?;
    Ok(())
}

async fn revive(
    scope: &Scope<'_>,
    app: &PushAppName,
    death: &Answer,
    by: PushedBy,
    now: Timestamp,
) -> Result<bool, Error> {
    let device = DeviceId::new(death.device);
    let mut stored = load_channel(scope, device).await?;
    // Read before anything is written: if it cannot be read, all stays as it is.
    let summons = summons_of_device(scope, device).await?;
    if !stored.channel.doubt_death(death.generation, by, now) {
        return Ok(false);
    }
    // Another device has told the URI meanwhile: it is that one's.
    if let Some(uri) = stored.channel.uri()
        && !others_with(scope, device, uri).await?.is_empty()
    {
        return Ok(false);
    }
    save_channel(scope, device, &stored).await?;
    if by == PushedBy::Former {
        // Its death had handed it over to the device's own app.
        channel::Entity::update_many()
            .col_expr(channel::Column::PushApp, Expr::val(app.as_str()))
            .filter(channel::Column::DeviceId.eq(death.device))
            .exec(scope.tx)
            .await?;
    }
    if let Some(summons) = summons {
        save_summons(scope, &summons, &stored.channel, now).await?;
    }
    Ok(true)
}

/// The last answers about channels of the app, the newest first.
async fn answers(scope: &Scope<'_>, app: &PushAppName, since: Timestamp) -> Result<Vec<Answer>, Error> {
    let dead = Verdict::ChannelDead.name();
    let rows: Vec<(Uuid, Uuid, i32, String)> =
        last_answers(app, since, &scope.tools.rules).into_tuple().all(scope.tx).await?;
    let answer = |(push, device, generation, verdict): (_, _, i32, String)| Answer {
        push,
        device,
        generation: generation.try_into().unwrap_or(0),
        died: verdict == dead,
    };
    Ok(rows.into_iter().map(answer).collect())
}

/// As recorded: id, device, generation and verdict.
pub(crate) fn last_answers(
    app: &PushAppName,
    since: Timestamp,
    rules: &::push::Settings,
) -> Select<push::Entity> {
    let about_channels = [
        Verdict::Sent { connection: None },
        Verdict::SentUnknown,
        Verdict::Dropped,
        Verdict::ChannelThrottled,
        Verdict::ChannelDead,
    ];
    // Spelled as in the partial index, which holds no others.
    let about_channels = about_channels.map(|verdict| Expr::cust(format!("'{}'", verdict.name())));
    push::Entity::find()
        .select_only()
        .columns([push::Column::Id, push::Column::DeviceId, push::Column::Generation, push::Column::Verdict])
        .filter(push::Column::PushApp.eq(app.as_str()))
        .filter(push::Column::FinishedAt.gt(since.as_micros()))
        .filter(Expr::col((push::Entity, push::Column::Verdict)).is_in(about_channels))
        .order_by_desc(push::Column::FinishedAt)
        .limit(u64::from(rules.mass_death_window).saturating_sub(1))
}
