//! A store with the small steps that most cases are made of, in virtual time.

use std::time::Duration;

use model::{
    DeviceId, DeviceName, Labels, Pfn, Priority, PushAppName, PushId, SessionKey, Timestamp, TraceContext,
};
use push::{
    Channel, ConnectionStatus, Context, Detail, Exchange, Observation, Origin, Reading, Readings, Visit,
    WnsResponse, WriteAnswer,
};
use store::{
    AskWake, Asked, ClaimRequest, ClaimedPush, DeviceInfo, DeviceRef, Event, Idempotency, NewDevice,
    PushResult, SessionCommit, SessionCommitted, SessionScope, SessionStart, Store, StoredChannel,
    WakeRecord,
};

use crate::database::Database;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_mins(1);
pub(crate) const HOUR: Duration = Duration::from_hours(1);
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// When every case begins.
pub(crate) const NOON: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

pub(crate) struct Field {
    pub(crate) database: Database,
    pub(crate) store: Store,
}

impl Field {
    /// A store with the push app `main`.
    pub(crate) async fn new(database: Database) -> Self {
        let store = database.store().await;
        store.register_apps(vec![(app(), pfn())], NOON).await.unwrap();
        Self { database, store }
    }

    /// The same under other rules.
    pub(crate) async fn with_rules(database: Database, rules: push::Settings) -> Self {
        store::schema_up(&database.url).await.unwrap();
        let store = Store::open(&database.url, database.key.clone(), rules, store::Retention::default());
        let store = store.await.unwrap();
        store.register_apps(vec![(app(), pfn())], NOON).await.unwrap();
        Self { database, store }
    }

    pub(crate) async fn device(&self, name: &str) -> DeviceId {
        let new = new_device(&self.store, name);
        self.store.create_device(new, NOON).await.unwrap().device.id
    }

    /// A device with a live channel.
    pub(crate) async fn live_device(&self, name: &str) -> DeviceId {
        let device = self.device(name).await;
        self.go_live(device, name, NOON - HOUR).await;
        device
    }

    /// A whole session in which the device gets a channel with this token in its URI.
    pub(crate) async fn go_live(&self, device: DeviceId, token: &str, now: Timestamp) {
        let mut commit = self.start(device, now).await;
        commit.channel = Some(self.with_uri(device, token, now).await);
        commit.eventful = true;
        self.store.commit_session(ended(commit)).await.unwrap();
    }

    /// The device's channel as it is after a session in which it told this URI.
    pub(crate) async fn with_uri(&self, device: DeviceId, token: &str, now: Timestamp) -> StoredChannel {
        self.with_uri_under(device, &pfn(), token, now).await
    }

    /// The same, where the device's push app has this PFN.
    pub(crate) async fn with_uri_under(
        &self,
        device: DeviceId,
        pfn: &Pfn,
        token: &str,
        now: Timestamp,
    ) -> StoredChannel {
        let name = self.store.device(&DeviceRef::Id(device)).await.unwrap().device.name;
        let mut stored = self.store.visitor(&name).await.unwrap().channel;
        let settings = self.store.rules();
        let context = Context { now, settings, pfn, device, old_build: false, may_write: true };
        set_up(&mut stored.channel, token, &context);
        stored
    }

    /// A commit that starts a session.
    pub(crate) async fn start(&self, device: DeviceId, now: Timestamp) -> SessionCommit {
        let device = self.store.device(&DeviceRef::Id(device)).await.unwrap().device;
        start_of(device.id, self.store.new_id(), device.device_session, now)
    }

    /// A session is opened.
    pub(crate) async fn open_session(
        &self,
        device: DeviceId,
        now: Timestamp,
    ) -> (SessionKey, SessionCommitted) {
        let commit = self.start(device, now).await;
        (commit.key, self.store.commit_session(commit).await.unwrap())
    }

    /// The second message of a session.
    pub(crate) async fn next_message(
        &self,
        device: DeviceId,
        key: SessionKey,
        now: Timestamp,
    ) -> SessionCommit {
        SessionCommit {
            key,
            start: SessionStart::GoesOn { revision: 0 },
            messages: 2,
            ..self.start(device, now).await
        }
    }

    /// A wake with an hour to live.
    pub(crate) fn wake(&self, device: DeviceId, now: Timestamp) -> AskWake {
        AskWake {
            id: self.store.new_id(),
            summons: self.store.new_id(),
            device: DeviceRef::Id(device),
            timeout: HOUR,
            priority: Priority::Interactive,
            reason: "policy".into(),
            caller: "console".into(),
            labels: Labels::default(),
            idempotency: None,
            satisfied_by_open_session: false,
            trace: trace(1),
            parent: None,
            now,
        }
    }

    pub(crate) async fn ask(&self, device: DeviceId, now: Timestamp) -> Asked {
        self.store.ask(self.wake(device, now)).await.unwrap().unwrap()
    }

    /// Claims what is due, at most ten.
    pub(crate) async fn claim(&self, now: Timestamp) -> Vec<ClaimedPush> {
        self.store.claim(claim_of(&self.store, 10, now)).await.unwrap()
    }

    /// Claims the one push that is due.
    pub(crate) async fn claim_one(&self, now: Timestamp) -> ClaimedPush {
        let mut claimed = self.claim(now).await;
        assert_eq!(claimed.len(), 1, "one push is due");
        claimed.remove(0)
    }

    /// Claims the one push that is due, and WNS takes it.
    pub(crate) async fn push(&self, now: Timestamp) -> PushId {
        let push = self.claim_one(now).await;
        self.store.conclude(result(&push, received(), now)).await.unwrap();
        push.id
    }

    pub(crate) async fn again(&self, asked: &Asked) -> WakeRecord {
        self.store.wake(asked.wake.wake.id()).await.unwrap()
    }

    pub(crate) async fn events(&self) -> Vec<Event> {
        self.store.events_after(0, 10_000).await.unwrap()
    }

    pub(crate) async fn channel(&self, device: DeviceId) -> Channel {
        self.store.device(&DeviceRef::Id(device)).await.unwrap().channel
    }
}

pub(crate) fn app() -> PushAppName {
    "main".parse().unwrap()
}

pub(crate) fn pfn() -> Pfn {
    "App_1".parse().unwrap()
}

pub(crate) fn uri(token: &str) -> String {
    format!("https://a.notify.windows.com/?token={token}")
}

pub(crate) fn trace(n: u8) -> TraceContext {
    TraceContext { trace_id: [n; 16], span_id: [n; 8], flags: n & 1 }
}

pub(crate) fn new_device(store: &Store, name: &str) -> NewDevice {
    NewDevice {
        id: store.new_id(),
        name: name.parse::<DeviceName>().unwrap(),
        provider_id: "Reveille".parse().unwrap(),
        push_app: app(),
        labels: Labels::default(),
        external_id: None,
        credential: None,
        certificate: None,
    }
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))).unwrap()
}

pub(crate) fn key(key: &str, request: &str) -> Idempotency {
    Idempotency { key: key.into(), request_hash: request.into() }
}

/// The commit's message is the session's last.
/// A commit that starts a session of a device, after the newest that it has.
pub(crate) fn start_of(
    device: DeviceId,
    key: SessionKey,
    newest: Option<SessionKey>,
    now: Timestamp,
) -> SessionCommit {
    SessionCommit {
        device,
        key,
        scope: SessionScope::Device,
        session_id: "1".into(),
        start: SessionStart::Starts { newest },
        messages: 1,
        state: b"the session's nonce".to_vec(),
        ending: None,
        mode: None,
        platform: None,
        alerts: Vec::new(),
        outcomes: Vec::new(),
        outstanding: Vec::new(),
        ignored: 0,
        eventful: false,
        origin: Origin::Unknown,
        channel: None,
        info: DeviceInfo::default(),
        detail_read: false,
        unenrolled: false,
        trace: trace(7),
        now,
    }
}

pub(crate) fn ended(commit: SessionCommit) -> SessionCommit {
    SessionCommit { ending: Some("completed"), ..commit }
}

pub(crate) fn claim_of(store: &Store, most: usize, now: Timestamp) -> ClaimRequest {
    ClaimRequest {
        app: app(),
        pfn: pfn(),
        priority: Priority::Interactive,
        ids: (0..most).map(|_| store.new_id()).collect(),
        lease: HOUR,
        now,
    }
}

pub(crate) fn result(push: &ClaimedPush, exchange: Exchange, now: Timestamp) -> PushResult {
    PushResult {
        id: push.id,
        device: push.device,
        app: app(),
        generation: push.generation,
        ttl: push.ttl,
        ms_cv: "sent.0".into(),
        exchange,
        chance: 1.0,
        now,
    }
}

pub(crate) fn responded(status: u16) -> Exchange {
    Exchange::Responded(WnsResponse { status, ..WnsResponse::default() })
}

pub(crate) fn said(notification_status: &str) -> Exchange {
    let notification_status = Some(notification_status.to_owned());
    let connection = Some(ConnectionStatus::Connected);
    Exchange::Responded(WnsResponse {
        status: 200,
        notification_status,
        connection,
        ..WnsResponse::default()
    })
}

pub(crate) fn received() -> Exchange {
    said("received")
}

/// What a first session does to a channel: the provider is known, the PFN is written, a URI is read.
fn set_up(channel: &mut Channel, token: &str, context: &Context<'_>) {
    let (mut visit, _) = Visit::begin(channel, Detail::Known, context);
    if channel.pfn() != Some(context.pfn) {
        let before = Readings { pfn: Reading::Absent, uri: Reading::Absent, status: Reading::Absent };
        let seen = Observation { before, provider: Reading::Value(true), ..Observation::default() };
        visit.proceed(channel, &seen, context);
    }
    let read = Readings {
        pfn: Reading::Value(context.pfn.to_string()),
        uri: Reading::Value(uri(token)),
        status: Reading::Value(0),
    };
    let seen = Observation { write: Some(WriteAnswer::Done), after: read, ..Observation::default() };
    visit.proceed(channel, &seen, context);
}
