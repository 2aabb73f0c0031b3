//! What the emulated WNS is set up with.

use std::{fmt, time::Duration};

use secrecy::SecretString;

/// What the emulated WNS is set up with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The apps that it knows. Only their credentials get tokens, and only their PFNs get channels.
    pub apps: Vec<App>,
    /// How long a token is accepted; 24 hours at the real one (wns.md §1.1).
    pub token_lifetime: Duration,
    /// How the token endpoint tells the lifetime.
    pub expires_in: ExpiresIn,
    /// How many tokens of an app are accepted at the same time; the oldest go first. Nobody knows the real number
    /// (wns.md §1.3), and a sender should work with 1.
    pub live_tokens: usize,
    /// How long a channel lives; 30 days at the real one (wns.md §5).
    pub channel_lifetime: Duration,
    /// How many pushes one channel takes before it answers `channelthrottled`; `None`: any number.
    pub channel_limit: Option<Limit>,
    /// How many pushes one app may send before it is answered 406; `None`: any number.
    pub app_limit: Option<Limit>,
}

/// An app that is registered with the emulated WNS.
#[derive(Clone)]
pub struct App {
    /// Its package family name.
    pub pfn: String,
    /// Its package SID, with the `ms-app://` prefix.
    pub sid: String,
    /// Its secret.
    pub secret: SecretString,
    /// Its registration with Entra, if it has one.
    pub entra: Option<EntraApp>,
}

/// The registration of an app with Entra (wns.md §1.2).
#[derive(Clone)]
pub struct EntraApp {
    /// The tenant, as it stands in the path of the token endpoint.
    pub tenant: String,
    /// The application (client) id.
    pub client_id: String,
    /// The client secret.
    pub secret: SecretString,
}

/// How `expires_in` looks in a token reply. Microsoft's pages show all three (wns.md §1.1, §1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpiresIn {
    /// `86400`
    #[default]
    Number,
    /// `"86400"`
    Text,
    /// Not there.
    Missing,
}

/// A rate: `burst` at once, then one per `interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many may come at once.
    pub burst: u32,
    /// How long it takes until one more is allowed.
    pub interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            apps: vec![App::example()],
            token_lifetime: Duration::from_hours(24),
            expires_in: ExpiresIn::Number,
            live_tokens: 100,
            channel_lifetime: Duration::from_hours(30 * 24),
            channel_limit: None,
            app_limit: None,
        }
    }
}

impl App {
    /// The app that is there unless others are named: for demonstrations and tests.
    pub fn example() -> Self {
        Self {
            pfn: "12345Contoso.Management_abcdefghijkm0".to_owned(),
            sid: "ms-app://s-1-15-2-1111111111-2222222222-3333333333-444444444".to_owned(),
            secret: SecretString::from("emulated-secret-+/="),
            entra: Some(EntraApp {
                tenant: "11111111-2222-3333-4444-555555555555".to_owned(),
                client_id: "66666666-7777-8888-9999-000000000000".to_owned(),
                secret: SecretString::from("emulated~entra+secret/="),
            }),
        }
    }
}

impl fmt::Debug for EntraApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntraApp")
            .field("tenant", &self.tenant)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("pfn", &self.pfn).field("sid", &self.sid).finish_non_exhaustive()
    }
}
