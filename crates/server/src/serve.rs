//! `serve` and `demo`: the service, with its listeners bound and its telemetry flushed whatever happens.

use std::{net::SocketAddr, sync::Arc};

use telemetry::Telemetry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wns::{AppCredentials, WnsClient};

use crate::{
    cli,
    config::Config,
    demo::{DemoSettings, demo},
    failure::{Failure, Outcome},
    open::open_store,
    run::{self, Listeners, Parts},
};

/// Serves until `shutdown`.
pub(crate) async fn serve(config: Config, shutdown: CancellationToken) -> Outcome {
    let telemetry = Telemetry::start(&config.telemetry)
        .map_err(|error| Failure::configuration(format!("[telemetry] cannot be used: {error}.")))?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let outcome = service(config, shutdown).await;
    flush(telemetry).await;
    outcome
}

/// Plays the demo until it is done, or until `shutdown`.
pub(crate) async fn play(command: cli::Demo, shutdown: CancellationToken) -> Outcome {
    // The demo tells its own story; only what goes wrong is logged beside it.
    let settings = telemetry::Settings { filter: "warn".into(), ..telemetry::Settings::default() };
    let telemetry = Telemetry::start(&settings).map_err(Failure::new)?;
    let cli::Demo { devices, wakes, exit, json, listen: grpc } = command;
    let played = demo(DemoSettings { devices, wakes, exit, json, grpc }, shutdown).await;
    flush(telemetry).await;
    match played {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::unanswered("Not every wake was answered.")),
        Err(error) => Err(Failure::new(format!("The demo failed: {error}."))),
    }
}

async fn service(config: Config, shutdown: CancellationToken) -> Outcome {
    let store = open_store(&config).await?;
    let credentials = config.push_apps.iter().map(|app| {
        let (name, auth) = (app.name.clone(), app.auth.clone());
        AppCredentials { name, auth }
    });
    let wns = WnsClient::new(config.wns.clone(), credentials);
    let wns =
        Arc::new(wns.map_err(|error| Failure::new(format!("The WNS client cannot be set up: {error}.")))?);
    let listeners = Listeners {
        gateway: bind("gateway", config.listen.gateway).await?,
        grpc: bind("grpc", config.listen.grpc).await?,
        admin: bind("admin", config.listen.admin).await?,
    };
    let parts = Parts {
        grpc: run::grpc_settings(config.provider_id.clone(), &config.apps(), &wns),
        gateway: config.gateway,
        dispatcher: config.dispatcher,
        drain: config.drain,
        store,
        wns,
    };
    run::run(parts, listeners, shutdown)
        .await
        .map_err(|error| Failure::new(format!("The service ended: {error}.")))
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
