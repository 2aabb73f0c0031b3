//! The configuration: defaults, over them a TOML file, over that the environment. It is read key by key and checked as
//! a whole, so that every mistake is named at once.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use model::{DeviceName, Pfn, ProviderId, PushAppName};
use secrecy::SecretString;
use store::{Key, Retention};

mod canary;
mod difference;
mod gateway;
mod listen;
mod mistake;
mod poll;
mod push;
mod push_app;
mod secret;
mod section;
mod source;
mod store_section;
mod telemetry;
mod value;
mod whole;
mod wns;

pub(crate) use mistake::Mistake;
pub(crate) use section::Effective;

/// The configuration with its comments, as `config default` prints it. Every line that is not commented out is a
/// default.
pub(crate) const DEFAULT: &str = include_str!("../config.default.toml");

/// A configuration in which no mistake was found.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) listen: Listen,
    /// How those who watch wakes are kept up to date.
    pub(crate) watch: grpc::Watch,
    /// How often the fleet is counted for the metrics, by all replicas together.
    pub(crate) count_every: Duration,
    /// How long open requests and pushes may take to end when the service stops.
    pub(crate) notice: Duration,
    pub(crate) drain: Duration,
    /// The gateway, with the PFN of each push app.
    pub(crate) gateway: ::gateway::Settings,
    /// The provider id of devices that name none of their own.
    pub(crate) provider_id: ProviderId,
    pub(crate) store: StoreConfig,
    pub(crate) push: ::push::Settings,
    pub(crate) wns: ::wns::Settings,
    /// The dispatcher, with the PFN of each push app.
    pub(crate) dispatcher: dispatcher::Settings,
    pub(crate) push_apps: Vec<PushApp>,
    pub(crate) canaries: Vec<Canary>,
    pub(crate) telemetry: ::telemetry::Settings,
    /// All of this as TOML.
    pub(crate) effective: Effective,
}

/// Where the service listens. What is not there is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    pub(crate) gateway: Option<SocketAddr>,
    pub(crate) grpc: Option<SocketAddr>,
    pub(crate) admin: Option<SocketAddr>,
}

/// Where everything is remembered.
#[derive(Clone, Debug)]
pub(crate) struct StoreConfig {
    /// May hold a password.
    pub(crate) url: SecretString,
    pub(crate) engine: Engine,
    pub(crate) key: KeySource,
    pub(crate) retention: Retention,
}

/// Which database it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// SQLite, in this file.
    Sqlite(PathBuf),
    Postgres,
}

/// Where the key of the sealed columns is.
#[derive(Clone, Debug)]
pub(crate) enum KeySource {
    /// In the environment, from where it was read.
    Given(Key),
    /// In this file, which need not be there yet.
    File(PathBuf),
}

/// A WNS application.
#[derive(Clone, Debug)]
pub(crate) struct PushApp {
    pub(crate) name: PushAppName,
    pub(crate) pfn: Pfn,
    pub(crate) auth: ::wns::Auth,
    /// Whether it pushes, if that is another than `push.mode`.
    pub(crate) mode: Option<::push::Mode>,
}

/// A device that the service wakes by a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Canary {
    /// What metrics call it.
    pub(crate) name: String,
    pub(crate) device: DeviceName,
    /// How often.
    pub(crate) every: Duration,
    /// How long it may take to come.
    pub(crate) deadline: Duration,
}

impl KeySource {
    /// In words, for a sentence.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Given(_) => "from the environment".into(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

impl Config {
    /// Reads `file`, or `reveille.toml` in the working directory if it is there, and the environment.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self, Vec<Mistake>> {
        let sources = source::Sources::read(file).map_err(|mistake| vec![mistake])?;
        whole::read(&sources)
    }

    /// What works, and is probably not what somebody wants.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.push_apps.is_empty() {
            warnings.push(
                "There is no [[push_app]]: devices get no channel, and wakes wait for their next session.",
            );
        }
        if self.push.mode == ::push::Mode::Off {
            warnings.push("push.mode is \"off\": wakes wait for the next session of their devices.");
        }
        if self.push.mode == ::push::Mode::Observe {
            warnings.push(
                "push.mode is \"observe\": pushes are recorded and not sent, where nothing else is said.",
            );
        }
        warnings.extend(gateway::warnings(&self.gateway));
        if self.push.extra_origins != ::push::ExtraOrigins::default() {
            warnings.push(
                "push.extra_channel_origins is set: pushes may go elsewhere than to WNS. For emulators only.",
            );
        }
        let schedules = canary::warnings(&self.canaries, &self.push);
        warnings.into_iter().map(Into::into).chain(schedules).collect()
    }
}

#[cfg(test)]
mod tests;
