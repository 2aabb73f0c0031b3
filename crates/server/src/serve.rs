//! `serve` and `demo`: the service, with its listeners bound and its telemetry flushed whatever happens.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use gateway::Gateway;
use grpc::{AppAuth, AppInfo};
use model::PushAppName;
use telemetry::Telemetry;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use wns::{Auth, WnsClient};

use crate::{
    canary, cli,
    command::Told,
    config::{Config, PushApp},
    demo::{self, DemoSettings},
    failure::{Failure, Outcome},
    open::open_store,
    reload::Reloader,
    run::{self, Listeners, Parts},
};

/// Serves until it is told to stop. At SIGHUP the configuration is read again, from `file` if one was named.
pub(crate) async fn serve(config: Config, file: Option<PathBuf>, told: Told) -> Outcome {
    // Before anything else: until somebody listens, the signal ends the process.
    let hangups = signal(SignalKind::hangup())
        .map_err(|error| Failure::new(format!("Signals cannot be received: {error}.")))?;
    let telemetry = Telemetry::start(&config.telemetry)
        .map_err(|error| Failure::configuration(format!("[telemetry] cannot be used: {error}.")))?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let outcome = service(config, Again { file, hangups }, told).await;
    flush(telemetry).await;
    outcome
}

/// Plays the demo until it is done, or until `shutdown`.
pub(crate) async fn play(command: cli::Demo, shutdown: CancellationToken) -> Outcome {
    let cli::Demo { devices, wakes, exit, plain, json, listen: grpc } = command;
    let table = !plain && demo::table_is_possible();
    // The demo tells its own story; only what goes wrong is logged beside it, where there is room beside it.
    let filter = if table { "off" } else { "warn" };
    let settings = telemetry::Settings { filter: filter.into(), ..telemetry::Settings::default() };
    let telemetry = Telemetry::start(&settings).map_err(Failure::new)?;
    let played = demo::demo(DemoSettings { devices, wakes, exit, table, json, grpc }, shutdown).await;
    flush(telemetry).await;
    match played {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::unanswered("Not every wake was answered.")),
        Err(error) => Err(Failure::new(format!("The demo failed: {error}."))),
    }
}

/// How the configuration is read again.
struct Again {
    file: Option<PathBuf>,
    hangups: Signal,
}

async fn service(config: Config, again: Again, told: Told) -> Outcome {
    // The notice is over when somebody is in a hurry.
    let Told { shutdown, hurry: ending } = told;
    let store = open_store(&config).await?;
    let wns = Arc::new(wns_client(&config)?);
    let listeners = Listeners {
        gateway: bind("gateway", config.listen.gateway).await?,
        grpc: bind("grpc", config.listen.grpc).await?,
        admin: bind("admin", config.listen.admin).await?,
    };
    let gateway = Gateway::new(store.clone(), config.gateway.clone(), ending.clone());
    let reloader = Reloader {
        file: again.file,
        started: config.clone(),
        gateway: gateway.clone(),
        wns: wns.clone(),
        store: store.clone(),
    };
    tokio::spawn(reloader.run(again.hangups, shutdown.clone()));
    for canary in config.canaries {
        tokio::spawn(canary::run(canary, store.clone(), shutdown.clone()));
    }
    let parts = Parts {
        grpc: grpc::Settings {
            watch: config.watch,
            ..run::grpc_settings(config.provider_id.clone(), config.push_apps.iter().map(app_info), &wns)
        },
        gateway,
        dispatcher: config.dispatcher,
        count_every: config.count_every,
        notice: config.notice,
        ending,
        drain: config.drain,
        store,
        wns,
    };
    run::run(parts, listeners, shutdown)
        .await
        .map_err(|error| Failure::new(format!("The service ended: {error}.")))
}

/// What the gRPC edge tells of a push app.
fn app_info(app: &PushApp) -> (PushAppName, AppInfo) {
    let auth = match app.auth {
        Auth::Legacy(_) => AppAuth::Legacy,
        Auth::Entra(_) => AppAuth::Entra,
    };
    (app.name.clone(), AppInfo { pfn: app.pfn.clone(), auth })
}

/// The client of WNS, with the credentials of all push apps.
pub(crate) fn wns_client(config: &Config) -> Result<WnsClient, Failure> {
    WnsClient::new(config.wns.clone(), config.push_apps.iter().map(PushApp::credentials))
        .map_err(|error| Failure::new(format!("The WNS client cannot be set up: {error}.")))
}

async fn bind(section: &str, address: Option<SocketAddr>) -> Result<Option<TcpListener>, Failure> {
    let Some(address) = address else { return Ok(None) };
    let bound = TcpListener::bind(address).await.map_err(|error| {
        Failure::new(format!("{address} ({section}.listen) cannot be listened at: {error}."))
    })?;
    tracing::info!(%address, "{section} listens");
    Ok(Some(bound))
}

async fn flush(telemetry: Telemetry) {
    if let Err(error) = telemetry.shutdown().await {
        eprintln!("The last traces may be lost: {error}.");
    }
}
