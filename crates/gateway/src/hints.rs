//! What a request says besides its message: the query that Windows adds to the address, and some headers
//! (oma-dm.md §1.1). None of it is proof of anything.

use http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;
use push::Origin;

/// What a request says besides its message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hints {
    /// Why the device came.
    pub(crate) origin: Origin,
    /// `mode`: `Maintenance` if a user is logged on, `Machine` if not.
    pub(crate) mode: Option<String>,
    /// `Platform`: `WoA`.
    pub(crate) platform: Option<String>,
    /// `MS-CV`, the client's correlation vector.
    pub(crate) correlation: Option<String>,
    /// `Client-Request-Id`: `EntDMID`, once it is set.
    pub(crate) request_id: Option<String>,
}

/// Of a value, so many characters are kept.
const LONGEST: usize = 128;
/// So many parameters of a query are looked at.
const PARAMETERS: usize = 16;

impl Hints {
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let query = uri.query().unwrap_or_default();
        // One page calls it a header, another a field; nobody has published a trace.
        let origin = header("UserAgentOrigin").map(str::to_owned);
        let origin = origin.or_else(|| parameter(query, "UserAgentOrigin"));
        Self {
            origin: origin.as_deref().map(Origin::parse).unwrap_or_default(),
            mode: parameter(query, "mode"),
            platform: parameter(query, "Platform"),
            correlation: header("MS-CV").and_then(kept),
            request_id: header("Client-Request-Id").and_then(kept),
        }
    }
}

/// The first parameter of that name, whatever the case of its letters.
fn parameter(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').take(PARAMETERS).filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    kept(&percent_decode_str(value).decode_utf8_lossy())
}

fn kept(text: &str) -> Option<String> {
    let clean: String = text.trim().chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    (!clean.is_empty()).then_some(clean)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn hints(uri: &str, headers: &[(&'static str, &'static str)]) -> Hints {
        let pairs = headers.iter().map(|(name, value)| {
            (name.parse::<http::HeaderName>().unwrap(), HeaderValue::from_static(value))
        });
        Hints::of(&uri.parse().unwrap(), &pairs.collect())
    }

    #[test]
    fn the_query_of_windows_is_read() {
        let check = |uri: &str, mode: Option<&str>, platform: Option<&str>| {
            let hints = hints(uri, &[]);
            assert_eq!((hints.mode.as_deref(), hints.platform.as_deref()), (mode, platform), "{uri}");
        };
        check("/dm?mode=Maintenance&Platform=WoA", Some("Maintenance"), Some("WoA"));
        check("/dm?MODE=Machine&platform=WoA", Some("Machine"), Some("WoA"));
        check("/dm?Platform=WoA", None, Some("WoA"));
        check("/dm", None, None);
        check("/dm?mode=&Platform", None, None);
        check("/dm?mode=a%20b%0A&mode=second", Some("a b"), None);
        check(&format!("/dm?{}mode=late", "x=1&".repeat(PARAMETERS)), None, None);
        let long = hints(&format!("/dm?mode={}", "a".repeat(4_000)), &[]).mode.unwrap();
        assert_eq!(long.len(), LONGEST);
    }

    #[test]
    fn the_origin_is_a_header_or_a_field() {
        let push = |hints: Hints| hints.origin == Origin::Push;
        assert!(push(hints("/dm", &[("useragentorigin", "3,1")])));
        assert!(push(hints("/dm?UserAgentOrigin=3", &[])));
        assert!(!push(hints("/dm?UserAgentOrigin=3", &[("useragentorigin", "1")])), "the header goes first");
        assert_eq!(hints("/dm", &[]).origin, Origin::Unknown);
    }

    #[test]
    fn correlation_is_kept() {
        let hints = hints("/dm", &[("ms-cv", "OTrP9+n7GU+OcSEg.0.0.0"), ("client-request-id", "0")]);
        assert_eq!(hints.correlation.as_deref(), Some("OTrP9+n7GU+OcSEg.0.0.0"));
        assert_eq!(hints.request_id.as_deref(), Some("0"));
    }
}
