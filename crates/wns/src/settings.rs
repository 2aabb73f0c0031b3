//! What the client is set up with.

use std::{fmt, time::Duration};

use model::PushAppName;
use push::ExtraOrigins;
use secrecy::SecretString;
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
#[non_exhaustive]
pub enum Auth {
    /// Package SID and secret at login.live.com: the flow that Microsoft documents for device management.
    Legacy(LegacyAuth),
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
}
