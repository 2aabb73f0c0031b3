//! SIGHUP: the configuration is read again, and what can be applied without a restart is (DESIGN §8).

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use gateway::{Gateway, Tls};
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
    /// The credentials of now of the apps that keep running. What others have stays as it is.
    credentials: Vec<PushApp>,
    /// The gateway's certificates, if they can be replaced.
    tls: Option<Tls>,
    /// The settings that a restart would apply.
    restart: BTreeSet<String>,
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
        if let Some(tls) = changes.tls {
            self.gateway.reload_tls(tls);
            tracing::info!("the configuration was read again: the gateway's certificates are in use");
        }
        let credentials = changes.credentials.iter().map(PushApp::credentials);
        for app in self.wns.update_apps(credentials) {
            tracing::info!(push_app = %app, "the configuration was read again: new credentials are in use");
            self.probe(&app).await;
        }
        if !changes.restart.is_empty() {
            let settings = Vec::from_iter(changes.restart).join(", ");
            tracing::warn!("the configuration changed where only a restart applies it: {settings}");
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

/// One line, however many mistakes there are: of many lines, some would be left out as repeats.
fn refuse(mistakes: &[Mistake]) {
    let mistakes = mistakes.iter().map(Mistake::to_string).collect::<Vec<_>>().join("; ");
    tracing::error!("nothing of the configuration is applied, and the service goes on as it was: {mistakes}");
}

/// What the gateway's TLS is made of.
const TLS: [&str; 3] = ["gateway.tls_cert", "gateway.tls_key", "gateway.client_ca"];
/// What decides whether devices are asked for certificates. The gateway goes on by what it was started with, and so must its
/// TLS.
const PROOF: [&str; 2] = ["gateway.auth", "gateway.require"];

impl Changes {
    fn between(started: &Config, now: &Config) -> Self {
        let mut restart = started.effective.differences(&now.effective);
        // What is kept elsewhere looks the same, whatever it says.
        if started.store.url.expose_secret() != now.store.url.expose_secret() {
            restart.insert("store.url".to_owned());
        }
        if password(started) != password(now) {
            restart.insert("gateway.server_password".to_owned());
        }
        let mut tls = now.gateway.tls.clone().filter(|_| started.gateway.tls.is_some());
        if PROOF.iter().any(|setting| restart.contains(*setting)) && tls.take().is_some() {
            // Its path may be the same; what is there is not looked at until the restart.
            restart.insert("gateway.tls_cert".to_owned());
        } else if tls.is_some() {
            restart.retain(|path| !TLS.contains(&path.as_str()));
        }
        restart.retain(|path| !is_credential(path, started, now));
        let credentials = started.push_apps.iter().filter_map(|app| kept(app, now).cloned());
        Self { credentials: credentials.collect(), tls, restart }
    }
}

fn password(config: &Config) -> Option<&str> {
    config.gateway.sessions.server.as_ref().map(|server| server.inner_hash.expose())
}

/// Whether the setting is a credential of an app that keeps running: its change is applied at once.
fn is_credential(path: &str, started: &Config, now: &Config) -> bool {
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
