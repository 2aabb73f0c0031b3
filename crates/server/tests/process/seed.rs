//! Devices that are there before the service starts, with live channels: thousands of them need no first session.

use std::path::Path;

use model::TraceContext;
use push::{
    Channel, Context, Detail, ExtraOrigins, Observation, Origin, Reading, Readings, Visit, WriteAnswer,
};
use simulator::wns::{App, Handle, Registration, Renewal};
use store::{
    Credential, DeviceInfo, Key, NewDevice, Retention, SessionCommit, SessionScope, SessionStart, Store,
};
use tokio::task::JoinSet;

use crate::PASSWORD;

/// Devices that are made at the same time.
const TOGETHER: usize = 256;

/// The database of a service that does not run, in this process.
pub(crate) async fn store(directory: &Path, wns: &str) -> Store {
    let key = directory.join("reveille.key");
    let key = if key.exists() { Key::read(&key) } else { Key::create(&key) }.unwrap();
    let url = format!("sqlite://{}", directory.join("reveille.db").display());
    store::schema_up(&url).await.unwrap();
    let extra_origins = ExtraOrigins::parse(&[wns]).unwrap();
    let rules = push::Settings { extra_origins, ..push::Settings::default() };
    Store::open(&url, key, rules, Retention::default()).await.unwrap()
}

/// Makes devices with live channels; their user is `user`. Returns their names.
pub(crate) async fn devices(store: &Store, wns: &Handle, count: usize) -> Vec<String> {
    let names: Vec<_> = (0..count).map(|n| format!("DEVICE{n:08}")).collect();
    for names in names.chunks(TOGETHER) {
        let made: JoinSet<_> =
            names.iter().map(|name| make(store.clone(), wns.clone(), name.clone())).collect();
        made.join_all().await;
    }
    names
}

async fn make(store: Store, wns: Handle, name: String) {
    let pfn = App::example().pfn;
    let new = NewDevice {
        id: store.new_id(),
        name: name.parse().unwrap(),
        provider_id: "Reveille".parse().unwrap(),
        push_app: "main".parse().unwrap(),
        labels: model::Labels::default(),
        external_id: None,
        credential: Some(Credential::from_password("user", PASSWORD).unwrap()),
        certificate: None,
    };
    let now = store.now();
    let device = store.create_device(new, now).await.unwrap().device;
    let registration =
        Registration { pfn: pfn.clone(), device: name, fleet: String::new(), renewal: Renewal::default() };
    let uri = wns.register(&registration).unwrap().uri;
    let mut stored = store.visitor(&device.name).await.unwrap().channel;
    let pfn = pfn.parse().unwrap();
    let context = Context {
        now,
        settings: store.rules(),
        pfn: &pfn,
        device: device.id,
        old_build: false,
        may_write: true,
    };
    set_up(&mut stored.channel, &uri, &context);
    let commit = SessionCommit {
        device: device.id,
        key: store.new_id(),
        scope: SessionScope::Device,
        session_id: "1".into(),
        start: SessionStart::Starts { newest: None },
        messages: 1,
        state: Vec::new(),
        ending: Some("completed"),
        mode: None,
        platform: None,
        alerts: Vec::new(),
        outcomes: Vec::new(),
        outstanding: Vec::new(),
        ignored: 0,
        eventful: true,
        origin: Origin::Unknown,
        channel: Some(stored),
        info: DeviceInfo::default(),
        detail_read: false,
        unenrolled: false,
        trace: TraceContext { trace_id: [1; 16], span_id: [1; 8], flags: 0 },
        now,
    };
    store.commit_session(commit).await.unwrap();
}

/// What a first session does to a channel: the provider is known, the PFN is written, a URI is read.
fn set_up(channel: &mut Channel, uri: &str, context: &Context<'_>) {
    let (mut visit, _) = Visit::begin(channel, Detail::Known, context);
    let before = Readings { pfn: Reading::Absent, uri: Reading::Absent, status: Reading::Absent };
    let seen = Observation { before, provider: Reading::Value(true), ..Observation::default() };
    visit.proceed(channel, &seen, context);
    let after = Readings {
        pfn: Reading::Value(context.pfn.to_string()),
        uri: Reading::Value(uri.to_owned()),
        status: Reading::Value(0),
    };
    let seen = Observation { write: Some(WriteAnswer::Done), after, ..Observation::default() };
    visit.proceed(channel, &seen, context);
    assert!(channel.pushable(context.now, context.settings), "the channel is live");
}

/// A sequence of numbers that looks random, and is the same for the same seed (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let place = self.roll(all.len() as u64);
        &all[usize::try_from(place).expect("a place in memory")]
    }
}
