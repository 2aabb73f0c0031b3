//! Everything in one process, with nothing to configure: an emulated WNS, simulated devices, and wakes now and then.
//!
//! Gaps and windows are shortened; pushes, sessions and calls are real HTTP and real gRPC.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use gateway::Gateway;
use grpc::{AppAuth, AppInfo};
use model::{Pfn, PushAppName};
use push::ExtraOrigins;
use reveille_api::v1::{
    CreateDeviceRequest, Credential, credential::Secret, device_service_client::DeviceServiceClient,
};
use simulator::{
    device::Identity,
    fleet::{Fleet, FleetSettings},
    wns::EmulatedWns,
};
use store::{Key, Retention, Store};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use wns::{AppCredentials, Auth, LegacyAuth, WnsClient};

use crate::{
    cli::DEFAULT_SERVER,
    run::{Listeners, Parts, run},
};

mod board;
mod face;
mod progress;
mod screen;
mod waker;

use face::Face;
use progress::Progress;

/// What the demo is asked to do.
#[derive(Clone, Debug)]
pub(crate) struct DemoSettings {
    pub(crate) devices: usize,
    /// How many wakes are asked for; none: they go on until the demo is stopped.
    pub(crate) wakes: Option<usize>,
    /// End when the last wake has ended.
    pub(crate) exit: bool,
    /// Show a table, and not lines: there is a terminal.
    pub(crate) table: bool,
    /// End with one JSON object.
    pub(crate) json: bool,
    /// Where gRPC listens, if that is free; otherwise anywhere.
    pub(crate) grpc: SocketAddr,
}

/// Whether there is a terminal for a table.
pub(crate) fn table_is_possible() -> bool {
    screen::is_possible()
}

/// What made the demo fail.
type Failure = Box<dyn std::error::Error + Send + Sync>;

const APP: &str = "demo";
const PROVIDER: &str = "Reveille";

/// Runs until it is done, or until `shutdown`. True if every wake was answered.
pub(crate) async fn demo(settings: DemoSettings, shutdown: CancellationToken) -> Result<bool, Failure> {
    let directory = tempfile::tempdir()?;
    let app = simulator::wns::App::example();
    let emulation = simulator::wns::Settings { apps: vec![app.clone()], ..Default::default() };
    let emulator = EmulatedWns::bind(LOOPBACK, emulation).await?;
    let store = open_store(directory.path(), &emulator).await?;
    let listeners = Listeners {
        gateway: Some(TcpListener::bind(LOOPBACK).await?),
        grpc: Some(bind_or_any(settings.grpc).await?),
        admin: None,
    };
    let places = Places {
        gateway: format!("http://{}/dm", address(listeners.gateway.as_ref())?),
        grpc: format!("http://{}", address(listeners.grpc.as_ref())?),
        wns: emulator.url(),
        emulator: emulator.handle(),
    };
    let stop = CancellationToken::new();
    let running = stop.child_token();
    let parts = parts(store, &emulator, &app, &running)?;
    let emulated = tokio::spawn(emulator.serve(stop.clone()));
    let mut service = tokio::spawn(run(parts, listeners, running));
    let played = tokio::select! {
        played = play(&settings, &places, &shutdown) => played,
        ended = &mut service => Err(format!("the service ended: {ended:?}").into()),
    };
    stop.cancel();
    if !service.is_finished() {
        service.await??;
    }
    emulated.await?;
    played
}

/// Where everything is.
struct Places {
    gateway: String,
    grpc: String,
    wns: url::Url,
    emulator: simulator::wns::Handle,
}

async fn open_store(directory: &Path, emulator: &EmulatedWns) -> Result<Store, Failure> {
    let database = format!("sqlite://{}", directory.join("demo.db").display());
    store::schema_up(&database).await?;
    let second = Duration::from_secs(1);
    let rules = push::Settings {
        extra_origins: ExtraOrigins::parse(&[emulator.origin()])?,
        min_gap: second,
        answer_window: 5 * second,
        open_session_delay: second / 20,
        open_session_silence: 2 * second,
        channel_refill: second / 100,
        channel_hourly: 0,
        backoff: second / 10,
        backoff_max: 2 * second,
        app_gate: 2 * second,
        app_gate_max: 2 * second,
        fault_probe: second,
        dropped_delays: vec![second],
        ..push::Settings::default()
    };
    Ok(Store::open(&database, Key::random()?, rules, Retention::default()).await?)
}

/// All devices of the demo come from one address.
fn from_here() -> gateway::ConnectionLimits {
    let limits = gateway::ConnectionLimits::default();
    gateway::ConnectionLimits { open_per_address: limits.open, ..limits }
}

fn parts(
    store: Store,
    emulator: &EmulatedWns,
    app: &simulator::wns::App,
    running: &CancellationToken,
) -> Result<Parts, Failure> {
    let (name, pfn): (PushAppName, Pfn) = (APP.parse()?, app.pfn.parse()?);
    let credentials =
        LegacyAuth { token_url: emulator.token_url(), sid: app.sid.clone(), secret: app.secret.clone() };
    let client = wns::Settings { extra_origins: store.rules().extra_origins.clone(), ..Default::default() };
    let lease = client.longest_push() + Duration::from_secs(15);
    let credentials = AppCredentials { name: name.clone(), auth: Auth::Legacy(credentials) };
    let wns = Arc::new(WnsClient::new(client, [credentials])?);
    let apps = BTreeMap::from([(name.clone(), pfn.clone())]);
    let info = AppInfo { pfn: pfn.clone(), auth: AppAuth::Legacy };
    let grpc = crate::run::grpc_settings(PROVIDER.parse()?, [(name.clone(), info)], &wns);
    let gateway = gateway::Settings { apps, connections: from_here(), ..gateway::Settings::default() };
    Ok(Parts {
        grpc,
        gateway: Gateway::new(store.clone(), gateway, running.clone()),
        dispatcher: dispatcher::Settings {
            apps: vec![(name, pfn)],
            lease,
            poll: Duration::from_millis(250),
            max_woken_sessions_per_second: 0,
            drain: Duration::from_secs(5),
        },
        store,
        wns,
        count_every: Duration::from_secs(5),
        notice: Duration::ZERO,
        ending: running.clone(),
        drain: Duration::from_secs(5),
    })
}

/// Enrolls the devices, lets them live, and wakes them.
async fn play(
    settings: &DemoSettings,
    places: &Places,
    shutdown: &CancellationToken,
) -> Result<bool, Failure> {
    let channel = tonic::transport::Endpoint::from_shared(places.grpc.clone())?.connect().await?;
    let identities = enroll(&channel, settings.devices).await?;
    let example = identities.first().map(|identity| identity.name.clone()).unwrap_or_default();
    let gateway = places.gateway.parse()?;
    let fleet = FleetSettings::new(gateway, Some(places.wns.clone()), PROVIDER, identities.clone());
    let fleet = Fleet::new(fleet)?;
    let progress = Arc::new(Progress::new(settings.devices, channel.clone(), APP));
    let title = format!("gRPC is at {}. Try:", places.grpc);
    let hint = hint(&example, &places.grpc);
    let face = if settings.table {
        Face::table(channel.clone(), title, hint, shutdown.clone()).await?
    } else {
        Face::lines(&progress, &title, &hint)
    };
    let stop = shutdown.child_token();
    let living = tokio::spawn(fleet.run(stop.clone()));
    let waking = async {
        let mut woken = progress.until_all_live(shutdown).await;
        if woken.is_ok() {
            woken = waker::run(settings, channel, identities, progress.clone(), shutdown).await;
        }
        if woken.is_ok() && !settings.exit {
            shutdown.cancelled().await;
        }
        stop.cancel();
        woken
    };
    let telling = async {
        // Nobody waits for the end of what nobody sees.
        face.tell(&progress, stop.clone()).await.inspect_err(|_| shutdown.cancel())
    };
    let (woken, told) = tokio::join!(waking, telling);
    living.await?;
    woken?;
    told?;
    let summary = progress.summary(places.emulator.counters().pushes).await?;
    progress.finish(&summary, settings.json);
    // Whoever stops the demo leaves wakes behind: that is no failure.
    Ok(!settings.exit || summary.all_answered())
}

/// A command to try.
fn hint(device: &str, grpc: &str) -> String {
    let server = if grpc == DEFAULT_SERVER { String::new() } else { format!(" --server {grpc}") };
    format!("  cargo run -- wake {device} --wait{server}")
}

/// Creates the devices through gRPC, as an enrollment service would.
async fn enroll(channel: &Channel, count: usize) -> Result<Vec<Identity>, Failure> {
    let mut devices = DeviceServiceClient::new(channel.clone());
    let mut identities = Vec::with_capacity(count);
    for number in 1..=count {
        let name = format!("DEMO{number:028}");
        let user = format!("user{number}");
        let password = format!("password of {user}");
        let identity = Identity::new(&name, &user, &password);
        let credential = Credential { user, secret: Some(Secret::Password(password)) };
        let request = CreateDeviceRequest { name, credential: Some(credential), ..Default::default() };
        devices.create_device(request).await?;
        identities.push(identity);
    }
    Ok(identities)
}

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

async fn bind_or_any(wanted: SocketAddr) -> std::io::Result<TcpListener> {
    match TcpListener::bind(wanted).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(SocketAddr::new(wanted.ip(), 0)).await,
    }
}

fn address(listener: Option<&TcpListener>) -> std::io::Result<SocketAddr> {
    listener.ok_or_else(|| std::io::Error::other("there is no listener"))?.local_addr()
}
