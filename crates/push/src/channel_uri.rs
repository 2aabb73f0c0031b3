//! A `ChannelURI`: where WNS takes pushes for one device, and a secret.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::{Host, Url};

/// The most bytes a `ChannelURI` may have. Seen are 190 to 430 (wns.md §5); no maximum is documented.
const MAX_BYTES: usize = 2_048;

/// A validated `ChannelURI`, byte for byte as the device reported it (wns.md §5).
///
/// Whoever knows it and holds a token can wake the device, so `Debug` hides it and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelUri(String);

/// Origins besides `https://*.notify.windows.com` to which pushes may go: emulators, named by the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtraOrigins(Vec<url::Origin>);

/// A keyless hash that tells `ChannelURI`s apart without revealing them (they hold a long random token, so it cannot
/// be searched).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UriFingerprint([u8; 16]);

/// Why a text is not an acceptable `ChannelURI`. Never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvalidChannelUri {
    /// It has more than 2,048 bytes.
    #[error("the ChannelURI is longer than 2048 bytes")]
    TooLong,
    /// It is not an absolute URL.
    #[error("the ChannelURI is not a URL")]
    NotUrl,
    /// Its scheme is not https, or its port is not 443.
    #[error("the ChannelURI is not https on port 443")]
    NotHttps,
    /// Its host does not end in `.notify.windows.com`.
    #[error("the ChannelURI's host is not below notify.windows.com")]
    ForeignHost,
    /// It holds a user name, a password or a fragment.
    #[error("the ChannelURI holds user information or a fragment")]
    UserInfoOrFragment,
    /// Sending it would change its bytes, and WNS answers 404 to a re-encoded one (wns.md §5).
    #[error("the ChannelURI would be re-encoded when sent")]
    NotCanonical,
}

/// An extra origin was not of the form `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not an origin such as http://127.0.0.1:7070")]
pub struct InvalidOrigin(String);

impl ChannelUri {
    /// Validates what a device reported (wns.md §5, the checklist at its end).
    pub fn parse(text: &str, extra: &ExtraOrigins) -> Result<Self, InvalidChannelUri> {
        use InvalidChannelUri as Bad;
        if text.len() > MAX_BYTES {
            return Err(Bad::TooLong);
        }
        let url = Url::parse(text).map_err(|_| Bad::NotUrl)?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(Bad::UserInfoOrFragment);
        }
        if !extra.0.contains(&url.origin()) {
            check_wns_origin(&url)?;
        }
        // The host may be written in capitals; what follows it must go out as it came in.
        let sent = &url[url::Position::BeforePath..];
        if !text.ends_with(sent) || text.len() > url.as_str().len() + ":443".len() {
            return Err(Bad::NotCanonical);
        }
        Ok(Self(text.to_owned()))
    }

    /// The URI itself. For sealing it into the store and for sending, never for showing.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The host and the port that it leads to. Many devices share them: they are no secret.
    pub fn server(&self) -> Option<(String, u16)> {
        let url = Url::parse(&self.0).ok()?;
        Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
    }

    /// What identifies this URI in records and comparisons.
    pub fn fingerprint(&self) -> UriFingerprint {
        let digest = ring::digest::digest(&ring::digest::SHA256, self.0.as_bytes());
        let mut short = [0; 16];
        short.copy_from_slice(&digest.as_ref()[..16]);
        UriFingerprint(short)
    }
}

impl ExtraOrigins {
    /// Reads origins such as `http://127.0.0.1:7070`.
    pub fn parse<S: AsRef<str>>(origins: &[S]) -> Result<Self, InvalidOrigin> {
        let parse = |text: &S| {
            let bad = || InvalidOrigin(text.as_ref().to_owned());
            let url = Url::parse(text.as_ref()).map_err(|_| bad())?;
            let bare = url.path() == "/" && url.query().is_none() && url.origin().is_tuple();
            if bare { Ok(url.origin()) } else { Err(bad()) }
        };
        origins.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }
}

impl UriFingerprint {
    /// The hash, for a column.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ChannelUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelUri([redacted])")
    }
}

fn check_wns_origin(url: &Url) -> Result<(), InvalidChannelUri> {
    if url.scheme() != "https" || url.port().is_some() {
        return Err(InvalidChannelUri::NotHttps);
    }
    match url.host() {
        Some(Host::Domain(host)) if host.ends_with(".notify.windows.com") => Ok(()),
        _ => Err(InvalidChannelUri::ForeignHost),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "/?token=AwYAAAAexample%2bexample%3d%3d";

    fn check(text: &str, expect: Result<(), InvalidChannelUri>) {
        let extra = ExtraOrigins::parse(&["http://127.0.0.1:7070"]).unwrap();
        let got = ChannelUri::parse(text, &extra);
        assert_eq!(got.as_ref().map(|_| ()).map_err(|e| *e), expect, "{text}");
        if let Ok(uri) = got {
            assert_eq!(uri.expose(), text, "kept byte for byte");
        }
    }

    #[test]
    fn accepts_what_wns_hands_out() {
        for host in ["db5p.notify.windows.com", "wns2-par02p.notify.windows.com", "DB3.Notify.Windows.com"] {
            check(&format!("https://{host}{TOKEN}"), Ok(()));
        }
        check(&format!("https://cloud.notify.windows.com:443{TOKEN}"), Ok(()));
        check(&format!("http://127.0.0.1:7070{TOKEN}"), Ok(()));
    }

    #[test]
    fn refuses_everything_else() {
        use InvalidChannelUri as Bad;
        let long = format!("https://db5p.notify.windows.com/?token={}", "A".repeat(MAX_BYTES));
        for (text, why) in [
            ("", Bad::NotUrl),
            ("db5p.notify.windows.com/?token=A", Bad::NotUrl),
            ("http://db5p.notify.windows.com/?token=A", Bad::NotHttps),
            ("https://db5p.notify.windows.com:8443/?token=A", Bad::NotHttps),
            ("https://notify.windows.com/?token=A", Bad::ForeignHost),
            ("https://evilnotify.windows.com/?token=A", Bad::ForeignHost),
            ("https://db5p.notify.windows.com.evil.test/?token=A", Bad::ForeignHost),
            ("https://db5p.notify.windows.com./?token=A", Bad::ForeignHost),
            ("https://127.0.0.1/?token=A", Bad::ForeignHost),
            ("http://127.0.0.1:7071/?token=A", Bad::NotHttps),
            ("https://user@db5p.notify.windows.com/?token=A", Bad::UserInfoOrFragment),
            ("https://db5p.notify.windows.com/?token=A#b", Bad::UserInfoOrFragment),
            ("https://db5p.notify.windows.com/?token=a b", Bad::NotCanonical),
            ("https://db5p.notify.windows.com/a/../?token=A", Bad::NotCanonical),
            ("https://db5p.notify.windows.com/?token=\tA", Bad::NotCanonical),
            (&long, Bad::TooLong),
        ] {
            check(text, Err(why));
        }
    }

    #[test]
    fn hides_itself() {
        let uri =
            ChannelUri::parse(&format!("https://a.notify.windows.com{TOKEN}"), &ExtraOrigins::default());
        assert!(!format!("{uri:?}").contains("token"));
    }
}
