//! SIGHUP: the configuration is read again, and what can be applied without a restart is (DESIGN §8).

use std::{path::PathBuf, sync::Arc};

use gateway::Gateway;
use model::PushAppName;
use secrecy::ExposeSecret;
use store::{AppCommand, Store};
use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;
use wns::{AppCredentials, Auth, WnsClient};

use crate::config::{Config, Mistake, PushApp};

/// What is applied while the service runs: the credentials of push apps, and the gateway's certificates. Everything else
/// is named, and waits for a restart.
pub(crate) struct Reloader {
    /// Where the configuration came from.
    pub(crate) file: Option<PathBuf>,
    /// What the service was started with.
    pub(crate) started: Config,
    pub(crate) gateway: Gateway,
    pub(crate) wns: Arc<WnsClient>,
    pub(crate) store: Store,
}

/// What a configuration changes in a service that was started with another.
#[derive(Debug)]
struct Changes {
    /// The apps that keep running, with their credentials of now.
    credentials: Vec<PushApp>,
    /// The settings that a restart would apply.
    restart: Vec<String>,
}

impl Reloader {
    /// Reads the configuration again at each of the signals.
    pub(crate) async fn run(self, mut hangups: Signal, shutdown: CancellationToken) {
        while let Some(Some(())) = shutdown.run_until_cancelled(hangups.recv()).await {
            match Config::load(self.file.as_deref()) {
                Ok(config) => self.apply(&config).await,
                Err(mistakes) => refuse(&mistakes),
            }
        }
    }

    async fn apply(&self, config: &Config) {
        let changes = Changes::between(&self.started, config);
        if let (Some(_), Some(tls)) = (&self.started.gateway.tls, &config.gateway.tls) {
            self.gateway.reload_tls(tls.clone());
            tracing::info!("the configuration was read again: the gateway's certificates are in use");
        }
        let credentials = changes.credentials.iter().map(PushApp::credentials);
        for app in self.wns.replace_apps(credentials) {
            tracing::info!(push_app = %app, "the configuration was read again: new credentials are in use");
            self.probe(&app).await;
        }
        for setting in &changes.restart {
            tracing::warn!("{setting} changed in the configuration: it needs a restart");
        }
        tracing::info!("the configuration was read again");
    }

    /// An app whose credentials were refused tries the new ones at once.
    async fn probe(&self, app: &PushAppName) {
        if let Err(error) = self.store.command_app(app, AppCommand::Mended, self.store.now()).await {
            tracing::warn!(push_app = %app, %error, "new credentials are tried later");
        }
    }
}

fn refuse(mistakes: &[Mistake]) {
    for mistake in mistakes {
        tracing::error!("{mistake}");
    }
    tracing::error!(
        "the configuration has mistakes: nothing of it is applied, and the service goes on as it was"
    );
}

impl Changes {
    fn between(started: &Config, now: &Config) -> Self {
        let mut restart: Vec<_> = started.effective.differences(&now.effective).into_iter().collect();
        restart.retain(|path| !applied(path, started, now));
        // A URL that is kept elsewhere looks the same, whatever it says.
        let moved = started.store.url.expose_secret() != now.store.url.expose_secret();
        if moved && !restart.iter().any(|path| path == "store.url") {
            restart.push("store.url".to_owned());
        }
        let credentials = started.push_apps.iter().map(|app| kept(app, now).unwrap_or(app).clone());
        Self { credentials: credentials.collect(), restart }
    }
}

/// Whether the change of this setting is applied at once.
fn applied(path: &str, started: &Config, now: &Config) -> bool {
    let both_tls = started.gateway.tls.is_some() && now.gateway.tls.is_some();
    if let Some(key) = path.strip_prefix("gateway.") {
        return both_tls && ["tls_cert", "tls_key", "client_ca"].contains(&key);
    }
    let of_credentials = |key: &str| ["sid", "tenant", "client_id", "secret", "token_url"].contains(&key);
    started.push_apps.iter().any(|app| {
        let key = path.strip_prefix(&format!("push_app \"{}\".", app.name));
        key.is_some_and(of_credentials) && kept(app, now).is_some()
    })
}

/// The same app in the other configuration: same name, same PFN, same way to get tokens.
fn kept<'a>(app: &PushApp, config: &'a Config) -> Option<&'a PushApp> {
    let same_flow = |other: &Auth| {
        matches!((&app.auth, other), (Auth::Legacy(_), Auth::Legacy(_)) | (Auth::Entra(_), Auth::Entra(_)))
    };
    config.push_apps.iter().find(|it| it.name == app.name && it.pfn == app.pfn && same_flow(&it.auth))
}

impl PushApp {
    /// What the WNS client needs.
    pub(crate) fn credentials(&self) -> AppCredentials {
        AppCredentials { name: self.name.clone(), auth: self.auth.clone() }
    }
}
