//! A server on a port of its own over a real store, and the small steps that most cases are made of.

use std::{collections::BTreeMap, time::Duration};

use model::{DeviceId, PushAppName};
use push::{
    Channel as PushChannel, Context, Detail, Observation, Origin, PollLogins, PollNode, PollSchedule,
    PollSet, PollValue, Reading, Readings, Visit, WriteAnswer,
};
use reveille_api::v1::{
    CreateDeviceRequest, Credential, DeviceRef, Wake, WakeRequest, credential::Secret, device_ref::By,
    device_service_client::DeviceServiceClient, push_app_service_client::PushAppServiceClient,
    wake_service_client::WakeServiceClient,
};
use store::{DeviceInfo, Key, Retention, SessionCommit, SessionScope, SessionStart, Store, Visitor};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt;

/// What must never be seen again.
pub(crate) const PLANTED: &str = "planted";
pub(crate) const URI: &str = "https://a.notify.windows.com/?token=planted";

pub(crate) struct Field {
    pub(crate) store: Store,
    pub(crate) database: String,
    pub(crate) key: Key,
    pub(crate) url: String,
    pub(crate) channel: Channel,
    pub(crate) draining: CancellationToken,
    pub(crate) shutdown: CancellationToken,
    pub(crate) served: JoinHandle<Result<(), grpc::ServeError>>,
    _stop: DropGuard,
    _directory: tempfile::TempDir,
}

/// What the edge is told besides the store, with everything hastened.
pub(crate) fn settings(apps: Vec<(PushAppName, model::Pfn)>) -> grpc::Settings {
    grpc::Settings {
        default_provider_id: "Reveille".parse().unwrap(),
        apps: apps
            .into_iter()
            .map(|(name, pfn)| (name, grpc::AppInfo { pfn, auth: grpc::AppAuth::Legacy }))
            .collect(),
        tokens: grpc::Tokens::new(|_| grpc::TokenReport::Valid(Duration::from_mins(1))),
        health_every: Duration::from_millis(50),
        watch: grpc::Watch { heartbeat: Duration::from_millis(300), poll: Duration::from_millis(50) },
    }
}

impl Field {
    pub(crate) async fn new() -> Self {
        Self::with_apps(&["main"]).await
    }

    pub(crate) async fn with_apps(names: &[&str]) -> Self {
        let apps: Vec<_> = names.iter().map(|name| (*name, "App_1")).collect();
        Self::with_apps_of(&apps).await
    }

    /// With push apps of these names and PFNs.
    pub(crate) async fn with_apps_of(apps: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", directory.path().join("test.db").display());
        store::schema_up(&database).await.unwrap();
        let (key, rules) = (Key::random().unwrap(), push::Settings::default());
        let store = Store::open(&database, key.clone(), rules, Retention::default()).await.unwrap();
        let parsed = |(name, pfn): &(&str, &str)| (name.parse().unwrap(), pfn.parse().unwrap());
        let apps: Vec<(PushAppName, model::Pfn)> = apps.iter().map(parsed).collect();
        store.register_apps(apps.clone(), store.now()).await.unwrap();
        let settings = settings(apps);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (shutdown, draining) = (CancellationToken::new(), CancellationToken::new());
        let service = grpc::Service::new(store.clone(), settings, draining.clone());
        let served = tokio::spawn(service.serve(listener, shutdown.clone()));
        let channel = connect(&url).await;
        let stop = shutdown.clone().drop_guard();
        Self {
            store,
            database,
            key,
            url,
            channel,
            draining,
            shutdown,
            served,
            _stop: stop,
            _directory: directory,
        }
    }

    pub(crate) fn wakes(&self) -> WakeServiceClient<Channel> {
        WakeServiceClient::new(self.channel.clone())
    }

    pub(crate) fn devices(&self) -> DeviceServiceClient<Channel> {
        DeviceServiceClient::new(self.channel.clone())
    }

    pub(crate) fn apps(&self) -> PushAppServiceClient<Channel> {
        PushAppServiceClient::new(self.channel.clone())
    }

    pub(crate) async fn create(&self, name: &str) -> DeviceId {
        let created = self.devices().create_device(creation(name)).await.unwrap().into_inner();
        created.device.unwrap().id.parse().unwrap()
    }

    pub(crate) async fn wake(&self, name: &str) -> Wake {
        self.wakes().wake(wake_of(name)).await.unwrap().into_inner().wake.unwrap()
    }

    pub(crate) async fn visitor(&self, name: &str) -> Visitor {
        self.store.visitor(&name.parse().unwrap()).await.unwrap()
    }

    /// The first message of a session of the device, as its gateway would commit it.
    pub(crate) async fn session(&self, name: &str) -> SessionCommit {
        let device = self.visitor(name).await.device;
        SessionCommit {
            device: device.id,
            key: self.store.new_id(),
            scope: SessionScope::Device,
            session_id: "1".into(),
            start: SessionStart::Starts { newest: device.device_session },
            messages: 1,
            state: b"state".to_vec(),
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
            trace: telemetry::new_context(None),
            now: self.store.now(),
        }
    }

    /// A whole session in which the device gets its channel.
    pub(crate) async fn go_live(&self, name: &str) {
        let mut commit = self.session(name).await;
        let mut stored = self.visitor(name).await.channel;
        set_up(&mut stored.channel, &commit, self.store.rules());
        (commit.channel, commit.ending, commit.eventful) = (Some(stored), Some("completed"), true);
        self.store.commit_session(commit).await.unwrap();
    }
}

/// A connection of its own.
pub(crate) async fn connect(url: &str) -> Channel {
    tonic::transport::Endpoint::from_shared(url.to_owned()).unwrap().connect().await.unwrap()
}

pub(crate) fn creation(name: &str) -> CreateDeviceRequest {
    CreateDeviceRequest { name: name.into(), credential: password("user"), ..Default::default() }
}

#[expect(clippy::unnecessary_wraps, reason = "requests want it so")]
pub(crate) fn password(user: &str) -> Option<Credential> {
    Some(Credential { user: user.into(), secret: Some(Secret::Password(PLANTED.into())) })
}

#[expect(clippy::unnecessary_wraps, reason = "requests want it so")]
pub(crate) fn named(name: &str) -> Option<DeviceRef> {
    Some(DeviceRef { by: Some(By::Name(name.into())) })
}

pub(crate) fn wake_of(name: &str) -> WakeRequest {
    WakeRequest { device: named(name), ..Default::default() }
}

pub(crate) fn labels(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

/// The code, the reason and the fields of a refusal.
pub(crate) fn refusal(status: &Status) -> (Code, String, Vec<String>) {
    let details = status.get_error_details();
    let info = details.error_info().expect("an ErrorInfo");
    assert_eq!(info.domain, "reveille");
    let fields =
        details.bad_request().map(|bad| bad.field_violations.iter().map(|it| it.field.clone()).collect());
    assert!(!format!("{status:?}").contains(PLANTED));
    (status.code(), info.reason.clone(), fields.unwrap_or_default())
}

pub(crate) fn refused(code: Code, reason: &str) -> (Code, String, Vec<String>) {
    (code, reason.to_owned(), Vec::new())
}

pub(crate) fn invalid(fields: &[&str]) -> (Code, String, Vec<String>) {
    let fields = fields.iter().map(|&field| field.to_owned()).collect();
    (Code::InvalidArgument, "INVALID_REQUEST".to_owned(), fields)
}

pub(crate) fn pfn() -> model::Pfn {
    "App_1".parse().unwrap()
}

/// What a first session does to a channel: the provider is known, the PFN is written, a URI is read.
fn set_up(channel: &mut PushChannel, commit: &SessionCommit, settings: &push::Settings) {
    let (pfn, now, device) = (pfn(), commit.now, commit.device);
    let context = Context { now, settings, pfn: &pfn, device, old_build: false, may_write: true };
    let (mut visit, _) = Visit::begin(channel, Detail::Known, &context);
    let before = Readings { pfn: Reading::Absent, uri: Reading::Absent, status: Reading::Absent };
    let provider = Reading::Value(true);
    visit.proceed(channel, &Observation { before, provider, ..Observation::default() }, &context);
    let after = Readings {
        pfn: Reading::Value(pfn.to_string()),
        uri: Reading::Value(URI.to_owned()),
        status: Reading::Value(0),
    };
    let write = Some(WriteAnswer::Done);
    visit.proceed(channel, &Observation { write, after, ..Observation::default() }, &context);
}

/// A session in which the device told its polling and refused the PFN.
pub(crate) fn refuse_and_poll(channel: &mut PushChannel, commit: &SessionCommit) {
    let off = PollSet::default();
    let daily = PollSet { interval: 1_440, count: 0 };
    let poll = PollSchedule::new(off, off, daily, PollLogins::default()).ok();
    let settings = push::Settings { poll, ..push::Settings::default() };
    let (pfn, now, device) = (pfn(), commit.now, commit.device);
    let context = Context { now, settings: &settings, pfn: &pfn, device, old_build: false, may_write: true };
    let (mut visit, _) = Visit::begin(channel, Detail::Known, &context);
    let before = Readings { pfn: Reading::Absent, uri: Reading::Absent, status: Reading::Absent };
    let mut seen = Observation { before, provider: Reading::Value(true), ..Observation::default() };
    seen.polling.read = [
        (PollNode::IntervalForFirstSetOfRetries, PollValue::Int(15)),
        (PollNode::NumberOfFirstRetries, PollValue::Int(10)),
        (PollNode::IntervalForSecondSetOfRetries, PollValue::Int(0)),
        (PollNode::PollOnLogin, PollValue::Bool(true)),
    ]
    .map(|(node, value)| (node, Reading::Value(value)))
    .into();
    visit.proceed(channel, &seen, &context);
    let write = Some(WriteAnswer::NotFound);
    visit.proceed(channel, &Observation { write, ..Observation::default() }, &context);
}
