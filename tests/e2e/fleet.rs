//! Several replicas over one database, with one emulated WNS, and devices of two push apps that do not come by themselves.

use std::{collections::BTreeMap, time::Duration};

use dispatcher::Dispatcher;
use gateway::Gateway;
use model::{Pfn, PushAppName, Timestamp};
use reveille_api::v1::{
    CreateDeviceRequest, GetPushAppRequest, PushApp, WakePriority, WakeRequest, WakeResponse,
    device_service_client::DeviceServiceClient, push_app_service_client::PushAppServiceClient,
    wake_service_client::WakeServiceClient,
};
use secrecy::SecretString;
use simulator::{
    device::{Client, Device, Identity, Profile, SyncError},
    wns::{App, Counters, Delivery, EmulatedWns, Handle},
};
use store::{Key, Retention, Store};
use tokio::{sync::broadcast, task::JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Channel;
use url::Url;

use crate::field::{self, NEVER, PASSWORD, wake_of};

/// The push apps.
pub(super) const APPS: [&str; 2] = ["main", "other"];

/// A fleet. Dropping it stops everything.
pub(super) struct Fleet {
    pub(super) wns: Handle,
    /// The gRPC service of each replica.
    replicas: Vec<Channel>,
    gateway: Url,
    /// A gateway that is always full; bulk heeds it.
    full_gateway: Url,
    wns_url: Url,
    _stop: DropGuard,
    _directory: tempfile::TempDir,
}

/// The processes of a fleet.
pub(super) struct Replicas {
    /// They come first, answer calls, and push nothing.
    pub(super) silent: usize,
    pub(super) pushing: usize,
    /// How often they look at what others wrote.
    pub(super) look_every: Duration,
    pub(super) max_woken_sessions_per_second: u32,
}

impl Replicas {
    pub(super) fn pushing(pushing: usize) -> Self {
        let look_every = Duration::from_millis(50);
        Self { silent: 0, pushing, look_every, max_woken_sessions_per_second: 0 }
    }
}

/// The wakes that are asked for together.
pub(super) struct Wakes<'a> {
    pub(super) devices: &'a [String],
    pub(super) priority: WakePriority,
}

impl Fleet {
    pub(super) async fn new(pushing: usize, max_woken_sessions_per_second: u32) -> Self {
        Self::of(Replicas { max_woken_sessions_per_second, ..Replicas::pushing(pushing) }).await
    }

    pub(super) async fn of(replicas: Replicas) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let directory = tempfile::tempdir().unwrap();
        let stop = CancellationToken::new();
        let apps: Vec<_> = APPS.into_iter().map(app).collect();
        let emulation = simulator::wns::Settings {
            apps: apps.iter().map(|(_, app)| app.clone()).collect(),
            ..Default::default()
        };
        let emulator = EmulatedWns::bind(([127, 0, 0, 1], 0).into(), emulation).await.unwrap();
        let (wns, wns_url) = (emulator.handle(), emulator.url());
        let database = format!("sqlite://{}", directory.path().join("test.db").display());
        store::schema_up(&database).await.unwrap();
        let key = Key::random().unwrap();
        let pfns: BTreeMap<PushAppName, Pfn> =
            apps.iter().map(|(name, app)| (name.clone(), app.pfn.parse().unwrap())).collect();
        let dispatcher = dispatcher::Settings {
            apps: pfns.clone().into_iter().collect(),
            lease: Duration::from_mins(1),
            poll: replicas.look_every,
            max_woken_sessions_per_second: replicas.max_woken_sessions_per_second,
            drain: Duration::from_secs(1),
        };
        let mut channels = Vec::new();
        let mut gateways = None;
        for number in 0..replicas.silent + replicas.pushing {
            // Nobody answers, and nobody is to be called again.
            let answer_window = Duration::from_mins(10);
            let rules = push::Settings { answer_window, ..field::rules(&emulator) };
            let store = Store::open(&database, key.clone(), rules, Retention::default()).await.unwrap();
            let gateway = |max_under_way| {
                let settings = gateway::Settings { apps: pfns.clone(), max_under_way, ..Default::default() };
                Gateway::new(store.clone(), settings, stop.clone())
            };
            let (open, full) = (gateway(100), gateway(0));
            // Answers are late, and never away.
            let client = field::wns_client(&store, &emulator, &apps, NEVER);
            let loops =
                Dispatcher::new(store.clone(), client, dispatcher.clone()).beside_gateway(full.overload());
            if number >= replicas.silent {
                tokio::spawn(loops.run(stop.clone()));
            }
            gateways =
                Some((field::serve_gateway(open, &stop).await, field::serve_gateway(full, &stop).await));
            channels.push(field::serve_grpc(&store, pfns.clone(), &stop).await);
        }
        tokio::spawn(emulator.serve(stop.clone()));
        let (gateway, full_gateway) = gateways.unwrap();
        let stop = stop.drop_guard();
        Self { wns, replicas: channels, gateway, full_gateway, wns_url, _stop: stop, _directory: directory }
    }

    /// Devices of this app whose channels are live; their names.
    pub(super) async fn live(&self, app: &str, count: usize) -> Vec<String> {
        self.played(app, count).await.iter().map(|device| device.identity().name.clone()).collect()
    }

    /// The machines that play devices of this app whose channels are live.
    pub(super) async fn played(&self, app: &str, count: usize) -> Vec<Device> {
        let mut sessions = JoinSet::new();
        for number in 0..count {
            let name = format!("{}-{number:03}", app.to_uppercase());
            let request = CreateDeviceRequest {
                name: name.clone(),
                push_app: app.to_owned(),
                credential: Some(field::credential()),
                ..Default::default()
            };
            DeviceServiceClient::new(self.replicas[0].clone()).create_device(request).await.unwrap();
            let client = Client::new(self.gateway.clone(), Some(self.wns_url.clone())).unwrap();
            let mut device = played(&name, &self.gateway);
            sessions.spawn(async move {
                client.sync(&mut device).await.unwrap();
                device
            });
        }
        let mut devices = sessions.join_all().await;
        devices.sort_by(|a, b| a.identity().name.cmp(&b.identity().name));
        devices
    }

    /// A device comes as its schedule says.
    pub(super) async fn comes(&self, device: &mut Device) {
        let client = Client::new(self.gateway.clone(), Some(self.wns_url.clone())).unwrap();
        client.sync(device).await.unwrap();
    }

    /// A device comes to a gateway that is full.
    pub(super) async fn is_sent_away(&self, name: &str) {
        let client = Client::new(self.full_gateway.clone(), Some(self.wns_url.clone())).unwrap();
        let answer = client.sync(&mut played(name, &self.full_gateway)).await;
        assert!(matches!(answer, Err(SyncError::Status { status: 429, .. })), "{answer:?}");
    }

    /// Asks the replicas in turn.
    pub(super) async fn ask(&self, wakes: Wakes<'_>) {
        for (device, replica) in wakes.devices.iter().zip(self.replicas.iter().cycle()) {
            let request = WakeRequest {
                timeout: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
                priority: wakes.priority.into(),
                ..wake_of(device)
            };
            WakeServiceClient::new(replica.clone()).wake(request).await.unwrap();
        }
    }

    /// Wakes devices, and waits until each is pushed to.
    pub(super) async fn reach(&self, devices: &[String]) {
        let mut deliveries = self.wns.deliveries();
        self.ask(Wakes { devices, priority: WakePriority::Interactive }).await;
        let mut waiting: Vec<_> = devices.iter().collect();
        while !waiting.is_empty() {
            let next = reached(&mut deliveries, 1).await;
            waiting.retain(|name| !next.contains(name));
        }
    }

    /// What each replica tells of a device's app, and of another wake of that device.
    pub(super) async fn ask_every_replica(&self, device: &str) -> Vec<(PushApp, WakeResponse)> {
        let mut told = Vec::new();
        for replica in &self.replicas {
            let request = GetPushAppRequest { name: APPS[0].to_owned() };
            let app = PushAppServiceClient::new(replica.clone()).get_push_app(request).await.unwrap();
            let asked = WakeServiceClient::new(replica.clone()).wake(wake_of(device)).await.unwrap();
            told.push((app.into_inner().push_app.unwrap(), asked.into_inner()));
        }
        told
    }

    /// When the last push for each of these devices came to WNS, the earliest first.
    pub(super) fn arrivals(&self, devices: &[String]) -> Vec<Timestamp> {
        let mut arrivals: Vec<_> = devices.iter().filter_map(|name| self.wns.pushed_at(name)).collect();
        arrivals.sort_unstable();
        arrivals
    }

    /// Pushes that came to WNS for these devices.
    pub(super) fn pushes_to(&self, devices: &[String]) -> u64 {
        devices.iter().map(|name| self.wns.pushes_to(name)).sum()
    }

    /// The app that nothing holds back: a push was made, and WNS took it.
    pub(super) async fn opened(&self, app: &str, device: &str) {
        let before = self.wns.counters().accepted;
        self.ask(Wakes { devices: &[device.to_owned()], priority: WakePriority::Interactive }).await;
        self.counted(|counters| counters.accepted > before).await;
        assert_eq!(self.app(app).await.gate_time, None);
    }

    pub(super) fn devices(&self) -> DeviceServiceClient<Channel> {
        DeviceServiceClient::new(self.replicas[0].clone())
    }

    pub(super) fn push_apps(&self) -> PushAppServiceClient<Channel> {
        PushAppServiceClient::new(self.replicas[0].clone())
    }

    pub(super) async fn app(&self, name: &str) -> PushApp {
        let request = GetPushAppRequest { name: name.to_owned() };
        self.push_apps().get_push_app(request).await.unwrap().into_inner().push_app.unwrap()
    }

    pub(super) async fn counted(&self, condition: impl Fn(&Counters) -> bool) -> Counters {
        let counters = tokio::time::timeout(NEVER, self.wns.until(condition)).await;
        counters.unwrap_or_else(|_| panic!("that never happened: {:?}", self.wns.counters()))
    }
}

/// The devices that are reached next, in that order, until there are so many.
pub(super) async fn reached(deliveries: &mut broadcast::Receiver<Delivery>, count: usize) -> Vec<String> {
    let mut devices = Vec::new();
    while devices.len() < count {
        let next = tokio::time::timeout(NEVER, deliveries.recv()).await;
        devices.push(next.unwrap_or_else(|_| panic!("no more than {devices:?}")).unwrap().device);
    }
    devices
}

fn played(name: &str, gateway: &Url) -> Device {
    Device::new(Identity::new(name, "user", PASSWORD), Profile::new("Reveille"), gateway.as_str())
}

/// An app that the emulated WNS knows.
fn app(name: &str) -> (PushAppName, App) {
    let app = App {
        pfn: format!("Contoso.{name}_abcdefghijkm0"),
        sid: format!("ms-app://s-1-15-2-1-{}", name.len()),
        secret: SecretString::from(format!("secret of {name}")),
        entra: None,
    };
    (name.parse().unwrap(), app)
}
