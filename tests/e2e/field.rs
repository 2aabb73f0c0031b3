//! A whole Reveille on real ports, an emulated WNS, and simulated devices.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dispatcher::Dispatcher;
use gateway::Gateway;
use model::{Pfn, PushAppName};
use reveille_api::v1::{
    CreateDeviceRequest, Credential, Device as DeviceResource, DeviceRef, GetDeviceRequest, GetWakeRequest,
    GetWakeResponse, Wake, WakePriority, WakeRequest, WakeResponse, WakeState, credential::Secret,
    device_ref::By, device_service_client::DeviceServiceClient,
    push_app_service_client::PushAppServiceClient, wake_service_client::WakeServiceClient,
};
use simulator::{
    device::{Client, Device, Identity, Opening, Profile, SessionReport},
    wns::{App, Delivery, EmulatedWns, Handle},
};
use store::{Key, Retention, Store};
use tokio::{net::TcpListener, sync::broadcast};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Status, transport::Channel};
use url::Url;
use wns::{AppCredentials, Auth, LegacyAuth, WnsClient};

/// The only push app.
pub(crate) const APP: &str = "main";
/// The password of every device.
pub(crate) const PASSWORD: &str = "planted-password";
/// Nothing in these tests takes this long, unless it never comes.
pub(crate) const NEVER: Duration = Duration::from_secs(20);

/// Everything that one test needs. Dropping it stops everything.
pub(crate) struct Field {
    pub(crate) gateway: Url,
    pub(crate) wns: Handle,
    wns_url: Url,
    listening: Listening,
    channel: Channel,
    deliveries: broadcast::Receiver<Delivery>,
    _stop: DropGuard,
    _directory: tempfile::TempDir,
}

/// The emulated WNS while it can be connected to.
struct Listening {
    all: CancellationToken,
    stop: CancellationToken,
    served: tokio::task::JoinHandle<()>,
}

impl Listening {
    fn of(emulator: EmulatedWns, all: &CancellationToken) -> Self {
        let stop = all.child_token();
        Self { all: all.clone(), served: tokio::spawn(emulator.serve(stop.clone())), stop }
    }
}

impl Field {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A field with other rules.
    pub(crate) async fn with(change: impl FnOnce(&mut push::Settings)) -> Self {
        Self::budgeted(0, change).await
    }

    /// A field with other rules and a bound on the planned writes of the fleet; 0 is none.
    pub(crate) async fn budgeted(pfn_writes_per_hour: u64, change: impl FnOnce(&mut push::Settings)) -> Self {
        // Other tests of this binary may have done it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let directory = tempfile::tempdir().unwrap();
        let stop = CancellationToken::new();
        let app = App::example();
        let emulation = simulator::wns::Settings { apps: vec![app.clone()], ..Default::default() };
        let emulator = EmulatedWns::bind(([127, 0, 0, 1], 0).into(), emulation).await.unwrap();
        let mut rules = rules(&emulator);
        change(&mut rules);
        let database = format!("sqlite://{}", directory.path().join("test.db").display());
        store::schema_up(&database).await.unwrap();
        let store =
            Store::open(&database, Key::random().unwrap(), rules, Retention::default()).await.unwrap();
        let name: PushAppName = APP.parse().unwrap();
        // Silence is waited for in some tests; whatever answers does so sooner.
        let silence = Duration::from_secs(3);
        let client = wns_client(&store, &emulator, &[(name.clone(), app.clone())], silence);
        let (wns, wns_url) = (emulator.handle(), emulator.url());
        let deliveries = wns.deliveries();
        let listening = Listening::of(emulator, &stop);
        let pfn: Pfn = app.pfn.parse().unwrap();
        let apps = BTreeMap::from([(name.clone(), pfn.clone())]);
        let settings = gateway::Settings { apps: apps.clone(), pfn_writes_per_hour, ..Default::default() };
        let gateway = serve_gateway(Gateway::new(store.clone(), settings, stop.clone()), &stop).await;
        let channel = serve_grpc(&store, apps, &stop).await;
        let settings = dispatcher::Settings {
            apps: vec![(name, pfn)],
            lease: Duration::from_mins(1),
            poll: Duration::from_millis(100),
            max_woken_sessions_per_second: 0,
            drain: Duration::from_secs(1),
        };
        tokio::spawn(Dispatcher::new(store, client, settings).run(stop.clone()));
        let stop = stop.drop_guard();
        Self { gateway, wns, wns_url, listening, channel, deliveries, _stop: stop, _directory: directory }
    }

    pub(crate) fn wakes(&self) -> WakeServiceClient<Channel> {
        WakeServiceClient::new(self.channel.clone())
    }

    pub(crate) fn devices(&self) -> DeviceServiceClient<Channel> {
        DeviceServiceClient::new(self.channel.clone())
    }

    pub(crate) fn push_apps(&self) -> PushAppServiceClient<Channel> {
        PushAppServiceClient::new(self.channel.clone())
    }

    /// Creates a device through gRPC, and the machine that plays it.
    pub(crate) async fn enroll(&self, name: &str) -> Device {
        let credential = Some(credential());
        let request = CreateDeviceRequest { name: name.to_owned(), credential, ..Default::default() };
        self.devices().create_device(request).await.unwrap();
        self.played(name, Profile::new("Reveille"))
    }

    /// The machine that plays a device of this manner.
    pub(crate) fn played(&self, name: &str, profile: Profile) -> Device {
        Device::new(Identity::new(name, "user", PASSWORD), profile, self.gateway.as_str())
    }

    /// A device whose channel is live.
    pub(crate) async fn live(&self, name: &str) -> Device {
        let mut device = self.enroll(name).await;
        self.sync(&mut device).await;
        device
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.gateway.clone(), Some(self.wns_url.clone())).unwrap()
    }

    /// One session that the device's schedule starts.
    pub(crate) async fn sync(&self, device: &mut Device) -> SessionReport {
        self.client().sync(device).await.unwrap()
    }

    /// Waits for the next push that reaches a device, which is then expected to be `device`, and lets it come.
    pub(crate) async fn come_when_pushed(&mut self, device: &mut Device) -> SessionReport {
        let delivery = tokio::time::timeout(NEVER, self.deliveries.recv()).await.expect("a push").unwrap();
        assert_eq!(delivery.device, device.identity().name);
        let backoff = simulator::device::Backoff::NONE;
        self.client().sync_as(device, Opening::Push, backoff).await.unwrap()
    }

    /// Nobody listens where WNS was.
    pub(crate) async fn wns_goes(&mut self) {
        self.listening.stop.cancel();
        (&mut self.listening.served).await.unwrap();
    }

    /// WNS is back, as it was.
    pub(crate) async fn wns_comes_back(&mut self) {
        let address = self.wns_url.socket_addrs(|| None).unwrap()[0];
        let emulator = EmulatedWns::rebind(self.wns.clone(), address).await.unwrap();
        self.listening = Listening::of(emulator, &self.listening.all);
    }

    pub(crate) async fn device(&self, name: &str) -> DeviceResource {
        let request = GetDeviceRequest { device: Some(named(name)) };
        self.devices().get_device(request).await.unwrap().into_inner().device.unwrap()
    }

    pub(crate) async fn wake(&self, name: &str) -> Wake {
        self.ask(WakeRequest {
            timeout: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
            ..wake_of(name)
        })
        .await
        .unwrap()
        .wake
        .unwrap()
    }

    pub(crate) async fn ask(&self, request: WakeRequest) -> Result<WakeResponse, Status> {
        self.wakes().wake(request).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn look(&self, id: &str) -> GetWakeResponse {
        self.wakes().get_wake(GetWakeRequest { id: id.to_owned() }).await.unwrap().into_inner()
    }

    /// Looks at a wake until it is as wanted.
    pub(crate) async fn until(&self, id: &str, wanted: impl Fn(&GetWakeResponse) -> bool) -> GetWakeResponse {
        let mut looks = tokio::time::interval(Duration::from_millis(10));
        let looking = async {
            loop {
                looks.tick().await;
                let found = self.look(id).await;
                if wanted(&found) {
                    return found;
                }
            }
        };
        if let Ok(found) = tokio::time::timeout(NEVER, looking).await {
            return found;
        }
        panic!("the wake never came to be as wanted: {:#?}", self.look(id).await)
    }

    pub(crate) async fn ended(&self, id: &str) -> GetWakeResponse {
        self.until(id, |found| found.wake.as_ref().is_some_and(|wake| wake.state() != WakeState::Live)).await
    }
}

/// What every device proves itself with.
pub(crate) fn credential() -> Credential {
    Credential { user: "user".to_owned(), secret: Some(Secret::Password(PASSWORD.to_owned())) }
}

pub(crate) fn named(name: &str) -> DeviceRef {
    DeviceRef { by: Some(By::Name(name.to_owned())) }
}

pub(crate) fn wake_of(name: &str) -> WakeRequest {
    WakeRequest {
        device: Some(named(name)),
        priority: WakePriority::Interactive.into(),
        reason: "a test".to_owned(),
        ..Default::default()
    }
}

/// The rules of production, but nobody waits for minutes.
pub(crate) fn rules(emulator: &EmulatedWns) -> push::Settings {
    push::Settings {
        extra_origins: push::ExtraOrigins::parse(&[emulator.origin()]).unwrap(),
        min_gap: Duration::from_millis(50),
        answer_window: Duration::from_secs(5),
        open_session_delay: Duration::from_millis(50),
        open_session_silence: Duration::from_millis(500),
        backoff: Duration::from_millis(20),
        app_gate: Duration::from_secs(1),
        dropped_delays: vec![Duration::from_millis(100)],
        fault_probe: Duration::from_millis(200),
        ..push::Settings::default()
    }
}

/// A client that takes so much silence for no answer.
pub(crate) fn wns_client(
    store: &Store,
    emulator: &EmulatedWns,
    apps: &[(PushAppName, App)],
    silence: Duration,
) -> Arc<WnsClient> {
    let credentials = apps.iter().map(|(name, app)| {
        let auth =
            LegacyAuth { token_url: emulator.token_url(), sid: app.sid.clone(), secret: app.secret.clone() };
        AppCredentials { name: name.clone(), auth: Auth::Legacy(auth) }
    });
    let settings = wns::Settings {
        extra_origins: store.rules().extra_origins.clone(),
        token_backoff: Duration::from_millis(50),
        push_timeout: silence,
        token_timeout: silence,
        ..Default::default()
    };
    Arc::new(WnsClient::new(settings, credentials).unwrap())
}

pub(crate) async fn serve_gateway(gateway: Gateway, stop: &CancellationToken) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/dm", listener.local_addr().unwrap());
    let stop = stop.clone();
    tokio::spawn(async move { gateway.serve(listener, stop).await });
    url.parse().unwrap()
}

pub(crate) async fn serve_grpc(
    store: &Store,
    apps: BTreeMap<PushAppName, Pfn>,
    stop: &CancellationToken,
) -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let settings = grpc::Settings {
        default_provider_id: "Reveille".parse().unwrap(),
        apps: apps
            .into_iter()
            .map(|(name, pfn)| (name, grpc::AppInfo { pfn, auth: grpc::AppAuth::Legacy }))
            .collect(),
        tokens: grpc::Tokens::default(),
        health_every: Duration::from_secs(1),
        watch: grpc::Watch::default(),
    };
    tokio::spawn(grpc::Service::new(store.clone(), settings, stop.clone()).serve(listener, stop.clone()));
    tonic::transport::Endpoint::from_shared(url).unwrap().connect().await.unwrap()
}
