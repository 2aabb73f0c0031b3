//! What a quarter came to.

use std::{collections::BTreeMap, time::Duration};

use push::{ChannelState, Refusal};
use serde::Serialize;

use crate::{build::Build, ledger::Record, mix::Mix, world::World};

/// What a quarter came to.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How many days passed.
    pub days: u32,
    /// The seed that all chance came from.
    pub seed: u64,
    /// What the fleet was made of.
    pub mix: Mix,
    /// By build, the oldest first.
    pub builds: Vec<BuildReport>,
    /// How far a changed PFN had come by each midnight, from the day of the change on.
    pub rollout: Vec<RolloutDay>,
    /// Wakes that were asked for.
    pub wakes_asked: u64,
    /// Wakes that ended.
    pub wakes_ended: u64,
    /// How often a `ChannelURI` went over to another device that reported it.
    pub moved_uris: u64,
    /// Devices that were there lately, that nothing of their own keeps from a channel, and that have none; with their state.
    pub unreached: Vec<String>,
    /// How often a promise was broken.
    pub broken: usize,
    /// The first of these, in words.
    pub violations: Vec<String>,
}

/// What became of the devices of one build.
#[derive(Clone, Debug, Serialize)]
pub struct BuildReport {
    /// Which.
    pub build: Build,
    /// How many there are.
    pub devices: u64,
    /// Channels by state; refused ones by what refuses them.
    pub states: BTreeMap<String, u64>,
    /// Sessions that were held.
    pub sessions: u64,
    /// New `ChannelURI`s that devices got by themselves.
    pub renewed: u64,
    /// New `ChannelURI`s after the PFN was written.
    pub reset: u64,
    /// Channels that died.
    pub died: u64,
    /// Writes of the PFN on one device: the mean, and the most.
    pub pfn_writes_mean: f64,
    /// The most on one device.
    pub pfn_writes_max: u64,
    /// Pushes by verdict.
    pub pushes: BTreeMap<&'static str, u64>,
    /// Wakes that were answered, by attribution.
    pub answered: BTreeMap<&'static str, u64>,
    /// Wakes that were not, by reason.
    pub unanswered: BTreeMap<&'static str, u64>,
    /// From asking to the session, of wakes that a push answered: the median, in seconds.
    pub median_seconds: Option<f64>,
}

/// How far a changed PFN had come by the end of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RolloutDay {
    /// The day, counted from the first.
    pub day: u32,
    /// Devices that are live under the new PFN.
    pub live_on_new: u64,
    /// Devices that have it and no live channel.
    pub waiting: u64,
    /// Devices that are still pushed to under the old one.
    pub moving: u64,
    /// Devices that have neither.
    pub unset: u64,
}

impl Report {
    /// Whether every promise was kept: no rule broken, every device set up that could be, every wake ended once.
    pub fn is_kept(&self) -> bool {
        self.broken == 0 && self.unreached.is_empty() && self.wakes_asked == self.wakes_ended
    }

    pub(crate) fn of(world: &World) -> Self {
        Self {
            days: world.settings.days,
            seed: world.settings.seed,
            mix: world.settings.mix,
            builds: Build::ALL.map(|build| BuildReport::of(build, world)).into(),
            rollout: world.rollout.clone(),
            wakes_asked: world.ledger.wakes_asked,
            wakes_ended: world.ledger.wakes_ended,
            moved_uris: world.ledger.moved_uris,
            unreached: unreached(world),
            broken: world.ledger.broken,
            violations: world.ledger.violations.clone(),
        }
    }
}

impl BuildReport {
    fn of(build: Build, world: &World) -> Self {
        let of_build = || (0..world.pcs.len()).filter(|index| world.pcs[*index].build == build);
        let records: Vec<&Record> = of_build().map(|index| &world.ledger.devices[index]).collect();
        let mut states = BTreeMap::new();
        for index in of_build() {
            *states.entry(word(world.service.devices[index].channel.state())).or_default() += 1;
        }
        let total = |count: fn(&Record) -> u64| records.iter().map(|record| count(record)).sum::<u64>();
        let writes = |record: &Record| record.writes.len() as u64;
        let mut times: Vec<Duration> = records.iter().flat_map(|record| &record.times).copied().collect();
        times.sort_unstable();
        #[expect(clippy::cast_precision_loss, reason = "a few thousands")]
        let mean = total(writes) as f64 / records.len().max(1) as f64;
        Self {
            build,
            devices: records.len() as u64,
            states,
            sessions: total(|record| record.sessions),
            renewed: total(|record| record.renewed),
            reset: total(|record| record.reset),
            died: total(|record| record.died),
            pfn_writes_mean: mean,
            pfn_writes_max: records.iter().map(|record| writes(record)).max().unwrap_or_default(),
            pushes: merged(records.iter().map(|record| &record.pushes)),
            answered: merged(records.iter().map(|record| &record.answered)),
            unanswered: merged(records.iter().map(|record| &record.unanswered)),
            median_seconds: times.get(times.len() / 2).map(Duration::as_secs_f64),
        }
    }
}

fn merged<'a>(counts: impl Iterator<Item = &'a BTreeMap<&'static str, u64>>) -> BTreeMap<&'static str, u64> {
    let mut all = BTreeMap::new();
    for (name, count) in counts.flatten() {
        *all.entry(*name).or_default() += count;
    }
    all
}

/// The state, with the reason of a refusal.
fn word(state: ChannelState) -> String {
    match state {
        ChannelState::Refused(Refusal::Write(code)) => format!("refused: write {code}"),
        ChannelState::Refused(Refusal::PushStatus(status)) => format!("refused: status {status}"),
        ChannelState::Refused(Refusal::Provider) => "refused: provider".to_owned(),
        ChannelState::Refused(Refusal::InvalidUri) => "refused: invalid URI".to_owned(),
        state => state.name().to_owned(),
    }
}

/// Devices that could be set up, and have no live channel.
fn unreached(world: &World) -> Vec<String> {
    let missing = world.pcs.iter().zip(&world.service.devices).filter(|(pc, device)| {
        let down = device.channel.state() != ChannelState::Live;
        down && pc.is_reachable(world.end) && world.ledger.devices[device.index].was_neglected()
    });
    let told = missing.map(|(pc, device)| {
        format!("{}, a {}, is {}", pc.name(), pc.build.name(), word(device.channel.state()))
    });
    told.collect()
}
