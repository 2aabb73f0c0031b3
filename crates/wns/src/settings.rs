//! What the client is set up with.

use std::{fmt, time::Duration};

use model::PushAppName;
use push::ExtraOrigins;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// What the client is set up with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Origins besides `https://*.notify.windows.com` to which pushes may go.
    pub extra_origins: ExtraOrigins,
    /// How long a connection may take to come about; 5 s by default.
    pub connect_timeout: Duration,
    /// How long one POST may take in all; 15 s by default.
    pub push_timeout: Duration,
    /// How long getting a token may take in all; 15 s by default.
    pub token_timeout: Duration,
    /// How long an idle connection is kept. WNS closes idle ones itself, probably after 120 s (wns.md §2.1); 55 s by
    /// default.
    pub pool_idle_timeout: Duration,
    /// How long nobody asks for a token after the first failure; 2 s by default. Doubles with each further one.
    pub token_backoff: Duration,
    /// The longest such time, unless the endpoint itself asks for more; 60 s by default.
    pub token_backoff_max: Duration,
}

/// How a push app gets its tokens.
#[derive(Clone, Debug)]
pub struct AppCredentials {
    /// The push app.
    pub name: PushAppName,
    /// Its credentials.
    pub auth: Auth,
}

/// A way to get tokens (wns.md §1).
#[derive(Clone, Debug)]
pub enum Auth {
    /// Package SID and secret at login.live.com: the flow that Microsoft documents for device management.
    Legacy(LegacyAuth),
    /// An app registration of Entra. Whether WNS takes such a token for the channels of managed devices is not known
    /// (wns.md §1.2).
    Entra(EntraAuth),
}

/// The credentials of the Entra flow.
#[derive(Clone)]
pub struct EntraAuth {
    /// The token endpoint, which names the tenant.
    pub token_url: Url,
    /// The application (client) id.
    pub client_id: String,
    /// The client secret.
    pub secret: SecretString,
}

/// The credentials of the legacy flow.
#[derive(Clone)]
pub struct LegacyAuth {
    /// The token endpoint.
    pub token_url: Url,
    /// The package SID; the `ms-app://` prefix is added where it is missing.
    pub sid: String,
    /// The secret.
    pub secret: SecretString,
}

impl Settings {
    /// The longest time that one push may take: two tokens and two POSTs. A lease must be longer.
    pub fn longest_push(&self) -> Duration {
        2 * (self.token_timeout + self.push_timeout)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            extra_origins: ExtraOrigins::default(),
            connect_timeout: Duration::from_secs(5),
            push_timeout: Duration::from_secs(15),
            token_timeout: Duration::from_secs(15),
            pool_idle_timeout: Duration::from_secs(55),
            token_backoff: Duration::from_secs(2),
            token_backoff_max: Duration::from_mins(1),
        }
    }
}

impl Auth {
    /// The token endpoint.
    pub fn token_url(&self) -> &Url {
        match self {
            Self::Legacy(auth) => &auth.token_url,
            Self::Entra(auth) => &auth.token_url,
        }
    }

    pub(crate) fn client_id(&self) -> String {
        match self {
            Self::Legacy(auth) => auth.client_id(),
            Self::Entra(auth) => auth.client_id.trim().to_owned(),
        }
    }

    pub(crate) fn secret(&self) -> &SecretString {
        match self {
            Self::Legacy(auth) => &auth.secret,
            Self::Entra(auth) => &auth.secret,
        }
    }

    /// Whether tokens of the one are as good as tokens of the other: secret and endpoint may differ, the client not.
    pub(crate) fn same_client(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
            && self.client_id().eq_ignore_ascii_case(&other.client_id())
    }

    /// Whether nothing differs.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.same_client(other)
            && self.token_url() == other.token_url()
            && self.secret().expose_secret() == other.secret().expose_secret()
    }
}

impl EntraAuth {
    /// The token endpoint of a tenant, in the public cloud. A tenant is an id or a domain name: letters, digits, dots
    /// and hyphens; None for anything else.
    pub fn token_url(tenant: &str) -> Option<Url> {
        let valid = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '.';
        let name = tenant.starts_with(|char: char| char.is_ascii_alphanumeric()) && tenant.chars().all(valid);
        name.then(|| {
            Url::parse(&format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token")).ok()
        })?
    }
}

impl fmt::Debug for EntraAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntraAuth").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl LegacyAuth {
    /// The token endpoint of the public cloud.
    pub const TOKEN_URL: &str = "https://login.live.com/accesstoken.srf";

    /// The SID in the form that the endpoint wants (wns.md §1.1).
    pub(crate) fn client_id(&self) -> String {
        let sid = self.sid.trim();
        let bare = match sid.get(..PREFIX.len()) {
            Some(start) if start.eq_ignore_ascii_case(PREFIX) => &sid[PREFIX.len()..],
            _ => sid,
        };
        format!("{PREFIX}{bare}")
    }
}

impl fmt::Debug for LegacyAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LegacyAuth").field("sid", &self.sid).finish_non_exhaustive()
    }
}

const PREFIX: &str = "ms-app://";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sid_gets_its_prefix_once() {
        for sid in ["s-1-15-2-1", "ms-app://s-1-15-2-1", " MS-APP://s-1-15-2-1 "] {
            let token_url = Url::parse(LegacyAuth::TOKEN_URL).unwrap();
            let auth = LegacyAuth { token_url, sid: sid.to_owned(), secret: "planted".into() };
            assert_eq!(auth.client_id(), "ms-app://s-1-15-2-1");
            assert!(!format!("{auth:?}").contains("planted"));
        }
    }
    #[test]
    fn a_tenant_makes_a_token_endpoint() {
        for tenant in ["11111111-2222-3333-4444-555555555555", "contoso.onmicrosoft.com", "common"] {
            let url = EntraAuth::token_url(tenant).unwrap();
            assert_eq!(url.as_str(), format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"));
        }
        for tenant in ["", "a/b", "..", "../x", "a?b", "a b", "https://x", "ä"] {
            assert_eq!(EntraAuth::token_url(tenant), None, "{tenant}");
        }
    }

    #[test]
    fn what_makes_two_credentials_the_same() {
        let entra = |url: &str, client_id: &str, secret: &str| {
            let token_url = Url::parse(url).unwrap();
            Auth::Entra(EntraAuth { token_url, client_id: client_id.to_owned(), secret: secret.into() })
        };
        let auth = entra("https://a/", "id", "planted");
        assert!(!format!("{auth:?}").contains("planted"));
        for (other, same_client, same) in [
            (entra("https://a/", "ID", "planted"), true, true),
            (entra("https://a/", "id", "new"), true, false),
            (entra("https://b/", "id", "planted"), true, false),
            (entra("https://a/", "other", "planted"), false, false),
        ] {
            assert_eq!((auth.same_client(&other), auth.same(&other)), (same_client, same), "{other:?}");
        }
        let token_url = Url::parse("https://a/").unwrap();
        let legacy = LegacyAuth { token_url, sid: "id".to_owned(), secret: "planted".into() };
        assert!(!auth.same_client(&Auth::Legacy(legacy)));
    }
}
