//! What WNS looks at before it takes a push (wns.md §2).

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};

/// The largest body (wns.md §2.2).
pub(super) const MAX_BODY: usize = 5_000;

/// A push whose form is right.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Push<'a> {
    /// What follows `token=` in the URI.
    pub(super) channel: &'a str,
    pub(super) cache: Cache,
    /// Whether the reply says if the device is connected.
    pub(super) tells_presence: bool,
}

/// Whether and how long a push is kept for a device that is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cache {
    No,
    Yes,
    For(Duration),
}

/// A push that WNS refuses, with the text of `X-WNS-Error-Description`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) description: &'static str,
}

/// The bearer token, if there is one.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What follows `token=` in the request's URI, byte for byte.
pub(super) fn channel_key(request: &Request<Bytes>) -> &str {
    request.uri().query().and_then(|query| query.strip_prefix("token=")).unwrap_or_default()
}

/// Checks everything that does not need to know tokens or channels.
pub(super) fn check(request: &Request<Bytes>) -> Result<Push<'_>, Refusal> {
    let headers = request.headers();
    if request.method() != Method::POST {
        return Err(Refusal { status: 405, description: "Only POST is supported." });
    }
    framing(headers)?;
    kind(headers)?;
    if request.body().len() > MAX_BODY {
        return Err(Refusal { status: 413, description: "The payload exceeds 5000 bytes." });
    }
    let priority = text(headers, "x-wns-priority");
    if priority.is_some_and(|value| !matches!(value, "1" | "2" | "3" | "4")) {
        return bad("The value of X-WNS-PRIORITY is invalid.");
    }
    let tells_presence = match text(headers, "x-wns-requestforstatus") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return bad("The value of X-WNS-RequestForStatus is invalid."),
    };
    Ok(Push { channel: channel_key(request), cache: cache(headers)?, tells_presence })
}

fn framing(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return bad("Chunked transfer encoding is not supported.");
    }
    if !headers.contains_key(header::CONTENT_LENGTH) {
        return bad("Content-Length is missing.");
    }
    Ok(())
}

fn kind(headers: &HeaderMap) -> Result<(), Refusal> {
    match text(headers, "x-wns-type") {
        Some("wns/raw") => {}
        Some("wns/toast" | "wns/tile" | "wns/badge") => return bad("Only raw notifications are emulated."),
        Some(_) => return bad("The value of X-WNS-Type is invalid."),
        None => return bad("X-WNS-Type is missing."),
    }
    if text(headers, "content-type") != Some("application/octet-stream") {
        return bad("The Content-Type does not match the notification type.");
    }
    for name in ["x-wns-tag", "x-wns-group", "x-wns-match", "x-wns-suppresspopup"] {
        if headers.contains_key(name) {
            return bad("A header does not apply to raw notifications.");
        }
    }
    Ok(())
}

fn cache(headers: &HeaderMap) -> Result<Cache, Refusal> {
    let ttl = match text(headers, "x-wns-ttl").map(str::parse::<u32>) {
        None => None,
        Some(Ok(seconds)) => Some(seconds),
        Some(Err(_)) => return bad("The value of X-WNS-TTL is invalid."),
    };
    match (text(headers, "x-wns-cache-policy"), ttl) {
        (Some("cache"), Some(0)) => bad("Ttl value conflicts with X-WNS-Cache-Policy."),
        (Some("cache"), None) => Ok(Cache::Yes),
        (Some("cache"), Some(seconds)) => Ok(Cache::For(Duration::from_secs(seconds.into()))),
        // The default for raw notifications is not to keep them (wns.md §2).
        (Some("no-cache") | None, _) => Ok(Cache::No),
        (Some(_), _) => bad("The value of X-WNS-Cache-Policy is invalid."),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

fn bad<T>(description: &'static str) -> Result<T, Refusal> {
    Err(Refusal { status: 400, description })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_of_the_request_is_checked() {
        let good = [
            ("content-type", "application/octet-stream"),
            ("content-length", "4"),
            ("x-wns-type", "wns/raw"),
            ("x-wns-cache-policy", "cache"),
            ("x-wns-ttl", "60"),
            ("x-wns-requestforstatus", "true"),
        ];
        for (method, change, expect) in [
            ("POST", ("ms-cv", Some("a.0")), Ok(Cache::For(Duration::from_mins(1)))),
            ("POST", ("x-wns-ttl", None), Ok(Cache::Yes)),
            ("POST", ("x-wns-cache-policy", None), Ok(Cache::No)),
            ("POST", ("x-wns-ttl", Some("0")), Err(400)),
            ("POST", ("x-wns-ttl", Some("-1")), Err(400)),
            ("POST", ("x-wns-cache-policy", Some("yes")), Err(400)),
            ("POST", ("x-wns-priority", Some("5")), Err(400)),
            ("POST", ("x-wns-requestforstatus", Some("1")), Err(400)),
            ("POST", ("x-wns-type", None), Err(400)),
            ("POST", ("x-wns-type", Some("wns/toast")), Err(400)),
            ("POST", ("content-type", Some("text/plain")), Err(400)),
            ("POST", ("content-length", None), Err(400)),
            ("POST", ("transfer-encoding", Some("chunked")), Err(400)),
            ("POST", ("x-wns-tag", Some("a")), Err(400)),
            ("GET", ("ms-cv", None), Err(405)),
        ] {
            let mut request =
                Request::builder().method(method).uri("/?token=abc%3d").body(Bytes::new()).unwrap();
            for (name, value) in good {
                request.headers_mut().insert(name, value.parse().unwrap());
            }
            match change.1 {
                Some(value) => drop(request.headers_mut().insert(change.0, value.parse().unwrap())),
                None => drop(request.headers_mut().remove(change.0)),
            }
            let got = check(&request).map(|push| push.cache).map_err(|refusal| refusal.status);
            assert_eq!(got, expect, "{method} {change:?}");
            assert_eq!(channel_key(&request), "abc%3d");
        }
    }

    #[test]
    fn the_largest_body_has_5000_bytes() {
        for (length, expect) in [(5_000, None), (5_001, Some(413))] {
            let request = Request::post("/?token=a")
                .header("content-type", "application/octet-stream")
                .header("content-length", length)
                .header("x-wns-type", "wns/raw")
                .body(Bytes::from(vec![b'x'; length]))
                .unwrap();
            assert_eq!(check(&request).err().map(|refusal| refusal.status), expect);
        }
    }
}
