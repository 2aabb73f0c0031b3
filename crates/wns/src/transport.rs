//! HTTP towards WNS: the connections and what their errors mean.

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use push::Exchange;
use reqwest::{Client, Response, redirect, retry, tls};
use thiserror::Error;

use crate::{response::bounded, settings::Settings};

/// The HTTP client could not be built: as a rule, no root certificates were found.
#[derive(Debug, Error)]
#[error("the HTTP client cannot be set up: {0}")]
pub struct SetupError(String);

/// Two clients, as building one takes long and a choice per request is not offered.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    /// Keeps connections: without that, each push pays for a handshake (wns.md §2.1).
    pub(crate) pooled: Client,
    /// Keeps none, for the push after ambiguous trouble: WNS closes many idle connections at once (wns.md §2.1).
    pub(crate) fresh: Client,
}

impl Transport {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SetupError> {
        // Whoever came first has installed one; they are all ring (see the root manifest).
        let _ = rustls::crypto::ring::default_provider().install_default();
        let build = |idle_per_host| {
            Client::builder()
                .tls_version_min(tls::Version::TLS_1_2)
                // Neither HTTP/2 nor chunked bodies nor pipelining are documented (wns.md §2.1).
                .http1_only()
                // The token must not follow a redirect, nor pass through whatever the environment names as a proxy.
                .redirect(redirect::Policy::none())
                .no_proxy()
                .referer(false)
                .retry(retry::never())
                .connect_timeout(settings.connect_timeout)
                .pool_idle_timeout(settings.pool_idle_timeout)
                .pool_max_idle_per_host(idle_per_host)
                .build()
                .map_err(|error| SetupError(describe(error)))
        };
        Ok(Self { pooled: build(usize::MAX)?, fresh: build(0)? })
    }
}

/// What a failed request means for the push.
pub(crate) fn failed(error: reqwest::Error) -> Exchange {
    let nothing_sent = error.is_connect() || error.is_builder();
    let description = describe(error);
    if nothing_sent { Exchange::NotSent(description) } else { Exchange::Ambiguous(description) }
}

/// The error and what caused it, without the URL.
pub(crate) fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    bounded(text.as_bytes())
}

/// The body, or nothing if it is longer than `limit` bytes.
pub(crate) async fn body(response: &mut Response, limit: usize) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

#[expect(clippy::disallowed_methods, reason = "the edge: a date in a reply is relative to its arrival")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// By how much this machine's clock and another one's differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockSkew {
    /// Ours is ahead.
    Ahead(Duration),
    /// Ours is behind, or they agree.
    Behind(Duration),
}

/// What the `Date` of an answer says of our clock; it is exact to a second and the time that the answer took.
pub(crate) fn skew(response: &Response) -> Option<ClockSkew> {
    let text = response.headers().get(reqwest::header::DATE)?.to_str().ok()?;
    let theirs = httpdate::parse_http_date(text).ok()?;
    Some(match now().duration_since(theirs) {
        Ok(ahead) => ClockSkew::Ahead(ahead),
        Err(behind) => ClockSkew::Behind(behind.duration()),
    })
}

/// The wait that a server asks for, as seconds or as a date; a date that has passed is no wait.
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(reqwest::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now()).unwrap_or_default())
}
