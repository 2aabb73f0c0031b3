//! One walk: a few devices of its own, two push apps, two replicas.

use std::collections::{BTreeMap, BTreeSet};

use model::{DeviceId, DeviceName, Pfn, Priority, PushAppName, PushId, Timestamp, WakeId};
use push::{ChannelState, Mode, Modes, Settings};
use store::{ClaimedPush, DeviceRef, Retention, Store};

use super::{DEVICES, Step, ledger::Ledger, steps::RINGS};
use crate::{
    database::Database,
    field::{DAY, NOON},
};

/// A promise that was broken, in words.
pub(crate) type Broken = String;

/// Says `broken` unless the promise holds.
pub(crate) fn promise(holds: bool, broken: impl FnOnce() -> Broken) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(broken()) }
}

/// A device of the walk, as it really is.
pub(crate) struct Life {
    pub(crate) id: DeviceId,
    pub(crate) name: DeviceName,
    /// Its push app.
    pub(crate) app: usize,
    pub(crate) ring: usize,
    /// The PFN that is on it.
    pub(crate) pfn: Option<Pfn>,
}

/// A push that was claimed.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) push: ClaimedPush,
    pub(crate) app: usize,
}

pub(crate) struct World {
    pub(crate) replicas: [Store; 2],
    /// Tells the walks on one database apart.
    pub(crate) number: String,
    pub(crate) now: Timestamp,
    /// Name and PFN, with how often the latter was changed.
    pub(crate) apps: Vec<(PushAppName, Pfn, u32)>,
    pub(crate) lives: Vec<Option<Life>>,
    pub(crate) wakes: Vec<WakeId>,
    /// The newest last.
    pub(crate) pushes: Vec<Made>,
    pub(crate) ledger: Ledger,
    steps: usize,
}

impl World {
    /// Two processes with one database, and rules under which few deaths are many.
    pub(crate) async fn replicas(database: &Database) -> [Store; 2] {
        store::schema_up(&database.url).await.unwrap();
        let label = |(ring, mode): (&str, Mode)| (("ring".to_owned(), ring.to_owned()), mode);
        let modes = Modes { labels: RINGS.map(label).to_vec(), ..Modes::default() };
        let rules = Settings { modes, mass_death_window: 8, mass_death_least: 4, ..Settings::default() };
        let open = || Store::open(&database.url, database.key.clone(), rules.clone(), Retention::default());
        [open().await.unwrap(), open().await.unwrap()]
    }

    /// Takes all steps, and then lets time pass until every wake has ended.
    /// Returns how many pushes were made.
    pub(crate) async fn walk(replicas: &[Store; 2], steps: &[Step]) -> Result<usize, Broken> {
        let mut world = Self::begin(replicas).await;
        for step in steps {
            world.ledger.observe(&world.replicas[0], &world.wakes).await?;
            world.take(step).await?;
            world.look(step).await?;
        }
        world.finish().await
    }

    async fn begin(replicas: &[Store; 2]) -> Self {
        let number = replicas[0].new_id::<WakeId>().to_string();
        let mut world = Self {
            replicas: replicas.clone(),
            apps: Vec::new(),
            number,
            now: NOON,
            lives: (0..DEVICES).map(|_| None).collect(),
            wakes: Vec::new(),
            pushes: Vec::new(),
            ledger: Ledger::begin(&replicas[0]).await,
            steps: 0,
        };
        for app in 0..2 {
            let name = format!("{}-{app}", world.number).parse().unwrap();
            world.apps.push((name, Self::pfn_of(app, 0), 0));
        }
        world.register().await;
        // The others begin without a channel.
        world.go_live(0).await;
        world.go_live(1).await;
        world
    }

    /// Either replica, turn by turn.
    pub(crate) fn store(&mut self) -> Store {
        self.steps += 1;
        self.replicas[self.steps % 2].clone()
    }

    pub(crate) fn pfn_of(app: usize, change: u32) -> Pfn {
        format!("App{app}_{change}").parse().unwrap()
    }

    pub(crate) async fn register(&mut self) {
        let apps = self.apps.iter().map(|(name, pfn, _)| (name.clone(), pfn.clone())).collect();
        let now = self.now;
        self.store().register_apps(apps, now).await.unwrap();
    }

    /// What must hold whatever step was taken.
    async fn look(&mut self, step: &Step) -> Result<(), Broken> {
        let ended = self.ledger.observe(&self.replicas[1], &self.wakes).await?;
        if let Step::Cancel { wake } = step {
            let own = self.wake(*wake);
            let others: Vec<_> = ended.iter().filter(|id| Some(**id) != own).collect();
            promise(others.is_empty(), || format!("cancelling {own:?} ended {others:?}"))?;
        }
        self.ledger.weigh_deaths(&self.replicas[0]).await;
        let mut uris = BTreeSet::new();
        for life in self.lives.iter().flatten() {
            let shown = self.replicas[0].device(&DeviceRef::Id(life.id)).await.unwrap();
            self.ledger.stays_dead(life.id, &shown.channel)?;
            let live = shown.channel.state() == ChannelState::Live;
            let (name, pfn, _) = &self.apps[life.app];
            promise(!live || (shown.pushed_by == *name && shown.channel.pfn() == Some(pfn)), || {
                format!("nobody pushes to a live channel: {shown:?}")
            })?;
            let uri = shown.channel.uri().filter(|_| live).map(|uri| uri.expose().to_owned());
            promise(uri.is_none_or(|uri| uris.insert(uri)), || "two devices have one URI".into())?;
        }
        Ok(())
    }

    /// Nothing is left when all deadlines have passed: no live wake, no summons.
    async fn finish(mut self) -> Result<usize, Broken> {
        self.now = self.now + DAY * 31;
        while !self.deadlines().await?.is_empty() {}
        self.ledger.observe(&self.replicas[0], &self.wakes).await?;
        self.ledger.all_ended(&self.wakes)?;
        for (name, ..) in &self.apps {
            for priority in [Priority::Interactive, Priority::Bulk] {
                let due = self.replicas[0].next_due(name, priority).await.unwrap();
                promise(due.is_none(), || format!("a summons is left: {name}, {priority:?}, {due:?}"))?;
            }
        }
        for life in self.lives.iter().flatten() {
            self.replicas[0].delete_device(&DeviceRef::Id(life.id), None, self.now).await.unwrap().unwrap();
        }
        Ok(self.pushes.len())
    }

    /// The wake that is meant, counted from the newest.
    pub(crate) fn wake(&self, back: usize) -> Option<WakeId> {
        self.wakes.iter().rev().nth(back).copied()
    }

    /// The push that is meant, counted from the newest.
    pub(crate) fn made(&self, back: usize) -> Option<Made> {
        self.pushes.iter().rev().nth(back).cloned()
    }
}

/// Counts by device and the like.
pub(crate) type By<K, V> = BTreeMap<K, V>;

/// A push that may have reached its device, with the time it was claimed.
pub(crate) type Sent = (PushId, Timestamp);
