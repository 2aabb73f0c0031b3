//! What the steps do, and what must hold for each.

use std::time::Duration;

use futures_util::future::join_all;
use model::{Priority, PushId, WakeId};
use push::{
    Channel, Context, Detail, Mode, Observation, Origin, Reading, Readings, Verdict, Visit, WriteAnswer,
};
use store::{
    AppCommand, AskWake, ClaimRequest, DeviceRef, Error, PushResult, SessionCommit, SessionScope, Store,
};

use super::{
    Answer, Step, Visiting,
    owners::{exchange, written},
    world::{Broken, Life, Made, World, promise},
};
use crate::field::{HOUR, MINUTE, labels, new_device, start_of, trace, uri};

/// `ChannelURI`s of one device, without the first (none); the last is every device's.
pub(crate) const URIS: usize = 5;
/// Values of the label `ring`, and how such devices are treated.
pub(crate) const RINGS: [(&str, Mode); 3] =
    [("on", Mode::On), ("watched", Mode::Observe), ("off", Mode::Off)];

impl World {
    pub(crate) async fn take(&mut self, step: &Step) -> Result<(), Broken> {
        match *step {
            Step::Wait { seconds } => self.now = self.now + Duration::from_secs(seconds),
            Step::Ask { device, bulk, minutes, satisfied } => {
                self.settle(device).await;
                let ask =
                    AskWake { satisfied_by_open_session: satisfied, ..self.wanted(device, bulk, minutes) };
                self.ask(vec![ask]).await;
            }
            Step::AskAll { minutes } => self.ask_all(minutes).await,
            Step::Cancel { wake } => {
                if let Some(id) = self.wake(wake) {
                    self.store().cancel_wake(id, self.now).await.unwrap();
                }
            }
            Step::Claim { lost } => self.claim_all(lost).await?,
            Step::Conclude { push, answer } => {
                if let Some(made) = self.made(push) {
                    self.conclude(&made, answer).await?;
                }
            }
            Step::HandBack { push } => self.hand_back(push).await,
            Step::Leases => {
                self.store().expire_leases(self.now).await.unwrap();
            }
            Step::Deadlines => {
                self.deadlines().await?;
            }
            Step::Visit { device, uri, status, how } => self.visit(device, uri, status, how).await?,
            Step::Label { device, ring } => self.label(device, ring).await,
            Step::Move { device, app } => self.move_to(device, app).await,
            Step::Rename { app } => {
                let change = self.apps[app].2 + 1;
                (self.apps[app].1, self.apps[app].2) = (Self::pfn_of(app, change), change);
                self.register().await;
            }
            Step::Import { device, app, uri } => self.import(device, app, uri).await,
            Step::Delete { device } => self.delete(device).await?,
            Step::Resume { app } => {
                let name = self.apps[app].0.clone();
                self.store().command_app(&name, AppCommand::Resume, self.now).await.unwrap();
            }
        }
        Ok(())
    }

    /// A device of that number, created if there is none.
    pub(crate) async fn settle(&mut self, device: usize) {
        if self.lives[device].is_none() {
            let store = self.store();
            let name = format!("{} {device}", self.number);
            let mut new = new_device(&store, &name);
            new.push_app = self.apps[0].0.clone();
            new.labels = labels(&[("ring", RINGS[0].0)]);
            let created = store.create_device(new, self.now).await.unwrap().device;
            self.lives[device] =
                Some(Life { id: created.id, name: created.name, app: 0, ring: 0, pfn: None });
        }
    }

    /// The device gets its first channel.
    pub(crate) async fn go_live(&mut self, device: usize) {
        self.visit(device, 1, 0, Visiting::Whole).await.unwrap();
    }

    fn life(&self, device: usize) -> &Life {
        self.lives[device].as_ref().unwrap()
    }

    fn wanted(&self, device: usize, bulk: bool, minutes: u64) -> AskWake {
        let store = &self.replicas[0];
        AskWake {
            id: store.new_id(),
            summons: store.new_id(),
            device: DeviceRef::Id(self.life(device).id),
            timeout: MINUTE * u32::try_from(minutes).unwrap(),
            priority: if bulk { Priority::Bulk } else { Priority::Interactive },
            reason: String::new(),
            caller: "walker".into(),
            labels: labels(&[]),
            idempotency: None,
            satisfied_by_open_session: false,
            trace: trace(1),
            parent: None,
            now: self.now,
        }
    }

    async fn ask_all(&mut self, minutes: u64) {
        let mut asks = Vec::new();
        for device in 0..self.lives.len() {
            self.settle(device).await;
            asks.extend([false, true].map(|bulk| self.wanted(device, bulk, minutes)));
        }
        self.ask(asks).await;
    }

    async fn ask(&mut self, asks: Vec<AskWake>) {
        let stores = (0..).map(|n| self.replicas[n % 2].clone());
        let all = asks.into_iter().zip(stores).map(|(ask, store)| async move { store.ask(ask).await });
        for asked in join_all(all).await {
            // A device that left the management is not waited for.
            let Ok(asked) = asked.unwrap() else { continue };
            self.wakes.push(asked.wake.wake.id());
            self.ledger.joined(&asked.wake, self.replicas[0].rules());
        }
    }

    async fn claim_all(&mut self, lost: bool) -> Result<(), Broken> {
        for app in 0..self.apps.len() {
            for priority in [Priority::Interactive, Priority::Bulk] {
                self.claim(app, priority, lost).await?;
            }
        }
        Ok(())
    }

    async fn claim(&mut self, app: usize, priority: Priority, lost: bool) -> Result<(), Broken> {
        let store = self.store();
        let mut before = Vec::new();
        for life in self.lives.iter().flatten() {
            before.push((life.ring, store.device(&DeviceRef::Id(life.id)).await.unwrap()));
        }
        let (name, pfn, _) = self.apps[app].clone();
        let request = ClaimRequest {
            app: name.clone(),
            pfn: pfn.clone(),
            priority,
            ids: (0..2).map(|_| store.new_id::<PushId>()).collect(),
            lease: if lost { Duration::ZERO } else { HOUR },
            now: self.now,
        };
        for push in store.claim(request).await.unwrap() {
            let (ring, device) = before.iter().find(|(_, record)| record.device.id == push.device).unwrap();
            let mode = RINGS[*ring].1;
            promise(mode != Mode::Off && push.observed == (mode == Mode::Observe), || {
                format!("{mode:?}, and yet {push:?}")
            })?;
            promise(device.pushed_by == name && device.channel.pfn() == Some(&pfn), || {
                format!("the channel is another app's: {device:?}, {push:?}")
            })?;
            if push.observed {
                continue;
            }
            self.ledger.claimed(&push, device, self.now, store.rules())?;
            self.pushes.push(Made { push, app });
        }
        Ok(())
    }

    async fn conclude(&mut self, made: &Made, answer: Answer) -> Result<(), Broken> {
        let Made { push, app } = made;
        let store = self.store();
        let device = DeviceRef::Id(push.device);
        let before = store.device(&device).await.ok().map(|record| record.channel);
        let result = PushResult {
            id: push.id,
            device: push.device,
            app: self.apps[*app].0.clone(),
            generation: push.generation,
            ttl: push.ttl,
            ms_cv: "sent.0".into(),
            exchange: exchange(answer),
            chance: 0.5,
            now: self.now,
        };
        let judged = store.conclude(result).await.unwrap();
        self.ledger.told(&judged.failed)?;
        let Some(before) = before else { return Ok(()) };
        if judged.verdict == Verdict::ChannelDead && before.generation() == push.generation {
            self.ledger.died(push);
        }
        if !judged.verdict.may_have_arrived() {
            self.ledger.refunded(push);
        }
        let doubted = judged.condition.is_some_and(|condition| condition.suspects_deaths());
        if before.generation() != push.generation && !doubted {
            let after = store.device(&device).await.unwrap().channel;
            // That nothing arrived is no word about a URI: the next push need not keep its distance.
            let mut expected = before.clone();
            if !judged.verdict.may_have_arrived() {
                expected.unsent(push.id);
            }
            promise(after == expected, || {
                format!("a verdict about {} changed {before:?} to {after:?}", push.generation)
            })?;
        }
        Ok(())
    }

    /// Only whoever claimed a push, and has not said what became of it, hands it back.
    async fn hand_back(&mut self, push: usize) {
        let Some(made) = self.made(push) else { return };
        let record = self.replicas[0].pushes_of([made.push.id]).await.unwrap();
        if record.iter().any(|record| record.verdict.is_none()) {
            self.store().hand_back(made.push.id, made.push.device, self.now).await.unwrap();
            self.ledger.refunded(&made.push);
        }
    }

    pub(crate) async fn deadlines(&mut self) -> Result<Vec<WakeId>, Broken> {
        let ended = self.store().end_due_wakes(self.now).await.unwrap();
        let own = ended.iter().filter(|record| self.wakes.contains(&record.wake.id()));
        let own: Vec<_> = own.cloned().collect();
        self.ledger.told(&own)?;
        Ok(own.iter().map(|record| record.wake.id()).collect())
    }

    async fn visit(&mut self, device: usize, uri: usize, status: i32, how: Visiting) -> Result<(), Broken> {
        self.settle(device).await;
        let store = self.store();
        let commit = self.session(&store, device, uri, status, how).await;
        let scope = commit.scope;
        // Two devices may tell of one URI; then the other one's row may be held for a moment.
        let committed = match store.commit_session(commit).await {
            Err(Error::Conflict(_)) => return Ok(()),
            committed => committed.unwrap(),
        };
        self.ledger.told(&committed.answered)?;
        self.ledger.told(&committed.ended)?;
        if scope == SessionScope::Device {
            self.ledger.answered(self.life(device).id);
        }
        Ok(())
    }

    async fn session(
        &mut self,
        store: &Store,
        device: usize,
        uri: usize,
        status: i32,
        how: Visiting,
    ) -> SessionCommit {
        let visitor = store.visitor(&self.life(device).name).await.unwrap();
        let user = matches!(how, Visiting::User);
        let newest = if user { visitor.device.user_session } else { visitor.device.device_session };
        let mut stored = visitor.channel;
        let leaves = matches!(how, Visiting::Leaves);
        if leaves {
            stored.channel.forget(self.now);
            self.lives[device].as_mut().unwrap().pfn = None;
        } else if !user {
            self.housekeeping(&mut stored.channel, device, uri, status);
        }
        SessionCommit {
            scope: if user { SessionScope::User } else { SessionScope::Device },
            ending: (!matches!(how, Visiting::Open)).then_some("completed"),
            origin: if matches!(how, Visiting::Pushed) { Origin::Push } else { Origin::Unknown },
            channel: (!user).then_some(stored),
            unenrolled: leaves,
            ..start_of(visitor.device.id, store.new_id(), newest, self.now)
        }
    }

    /// The housekeeping of a whole session, and what the device answers to it.
    fn housekeeping(&mut self, channel: &mut Channel, device: usize, token: usize, status: i32) {
        let life = self.lives[device].as_ref().unwrap();
        let (_, pfn, _) = &self.apps[life.app];
        let settings = self.replicas[0].rules();
        let context =
            Context { now: self.now, settings, pfn, device: life.id, old_build: false, may_write: true };
        let mut on_device = life.pfn.clone();
        let (mut visit, mut asked) = Visit::begin(channel, Detail::Known, &context);
        let mut before = self.readings(on_device.as_ref(), device, token, status);
        while !asked.is_empty() {
            let writes = asked.iter().find_map(written);
            let mut seen = Observation {
                before: std::mem::take(&mut before),
                provider: Reading::Value(true),
                ..Observation::default()
            };
            if let Some(pfn) = writes {
                on_device = Some(pfn.clone());
                seen.write = Some(WriteAnswer::Done);
                seen.after = self.readings(Some(pfn), device, token, status);
                seen.after.pfn = Reading::Unanswered;
            }
            asked = visit.proceed(channel, &seen, &context);
        }
        self.lives[device].as_mut().unwrap().pfn = on_device;
    }

    fn readings(&self, pfn: Option<&model::Pfn>, device: usize, token: usize, status: i32) -> Readings {
        let Some(pfn) = pfn else {
            return Readings { pfn: Reading::Absent, uri: Reading::Absent, status: Reading::Absent };
        };
        let uri = match token {
            0 => Reading::Absent,
            token => Reading::Value(uri(&self.token(pfn, device, token))),
        };
        Readings { pfn: Reading::Value(pfn.to_string()), uri, status: Reading::Value(status) }
    }

    /// The token of a `ChannelURI` made under this PFN.
    pub(crate) fn token(&self, pfn: &model::Pfn, device: usize, token: usize) -> String {
        let owner = if token == URIS - 1 { "shared".to_owned() } else { device.to_string() };
        format!("{}.{pfn}.{owner}.{token}", self.number)
    }
}
