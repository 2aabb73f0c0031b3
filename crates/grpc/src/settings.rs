//! What the edge needs to know besides the store.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use model::{Pfn, ProviderId, PushAppName};

/// What the edge needs to know besides the store.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The provider id of devices that are created without one.
    pub default_provider_id: ProviderId,
    /// The push apps of the configuration.
    pub apps: BTreeMap<PushAppName, AppInfo>,
    /// How the apps stand with their token endpoints.
    pub tokens: Tokens,
    /// How often the database is tried for the health service.
    pub health_every: Duration,
    /// How those who watch are kept up to date.
    pub watch: Watch,
}

/// How those who watch are kept up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// How long nothing may happen until a sign of life is sent.
    pub heartbeat: Duration,
    /// How often events of other replicas are looked for.
    pub poll: Duration,
}

impl Default for Watch {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(15), poll: Duration::from_secs(1) }
    }
}

/// A push app of the configuration.
#[derive(Clone, Debug)]
pub struct AppInfo {
    /// Its PFN.
    pub pfn: Pfn,
    /// How it gets its tokens.
    pub auth: AppAuth,
}

/// How a push app gets its tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AppAuth {
    /// Package SID and secret, at login.live.com.
    #[default]
    Legacy,
    /// An app registration of Entra.
    Entra,
}

/// Asks whoever holds the tokens how an app stands with its token endpoint.
#[derive(Clone)]
pub struct Tokens(Arc<dyn Fn(&PushAppName) -> TokenReport + Send + Sync>);

/// How an app stands with its token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenReport {
    /// There was no need for a token yet.
    #[default]
    None,
    /// There is one, for so long.
    Valid(Duration),
    /// The endpoint is out of reach or throttling.
    Unavailable,
    /// The credentials are refused.
    Refused,
}

impl Tokens {
    /// Asks `report`.
    pub fn new(report: impl Fn(&PushAppName) -> TokenReport + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    pub(crate) fn of(&self, app: &PushAppName) -> TokenReport {
        (self.0)(app)
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self::new(|_| TokenReport::None)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}
