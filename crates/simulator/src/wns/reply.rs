//! HTTP answers in the manner of WNS.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::ext::ReasonPhrase;
use model::Timestamp;
use serde_json::Value;

use super::faults::{HttpFault, RetryAfter, StatusHeaders};

/// How the emulated WNS reacts to a request.
#[derive(Debug)]
pub enum Answer {
    /// With this reply.
    Reply(Response<Bytes>),
    /// With this reply, after so long.
    Later(Duration, Response<Bytes>),
    /// With this reply, once faults were cleared more often than so many times.
    Held(u64, Response<Bytes>),
    /// By closing the connection.
    Close,
    /// By resetting the connection.
    Reset,
}

impl Answer {
    /// The same answer, so much later.
    pub(super) fn later(self, delay: Duration) -> Self {
        match self {
            Self::Reply(reply) => Self::Later(delay, reply),
            other => other,
        }
    }

    /// The same answer, once faults were cleared more often than so many times.
    pub(super) fn held(self, cleared: u64) -> Self {
        match self {
            Self::Reply(reply) => Self::Held(cleared, reply),
            other => other,
        }
    }

    /// The same answer, telling the time by the emulated WNS's clock.
    pub(super) fn dated(self, now: Timestamp) -> Self {
        let date = httpdate::fmt_http_date(SystemTime::from(now));
        match self {
            Self::Reply(reply) => Self::Reply(with(reply, "date", &date)),
            Self::Later(delay, reply) => Self::Later(delay, with(reply, "date", &date)),
            Self::Held(cleared, reply) => Self::Held(cleared, with(reply, "date", &date)),
            cut => cut,
        }
    }
}

/// A reply without a body.
pub(super) fn empty(status: u16) -> Response<Bytes> {
    let mut reply = Response::new(Bytes::new());
    // A status that HTTP does not know is a mistake in a script; 500 is the honest answer to it.
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply
}

/// A JSON reply.
pub(super) fn json(status: u16, value: &Value) -> Response<Bytes> {
    let mut reply = with(empty(status), "content-type", "application/json");
    with_body(&mut reply, value.to_string());
    reply
}

/// An OAuth 2 error reply (wns.md §1.1).
pub(super) fn oauth_error(error: &str, description: &str) -> Response<Bytes> {
    json(400, &serde_json::json!({ "error": error, "error_description": description }))
}

/// The reply that a script asks for.
pub(super) fn scripted(fault: &HttpFault, now: Timestamp) -> Response<Bytes> {
    let mut reply = empty(fault.status);
    if let Some(phrase) =
        fault.reason.as_deref().and_then(|text| ReasonPhrase::try_from(text.as_bytes()).ok())
    {
        reply.extensions_mut().insert(phrase);
    }
    let retry_after = fault.retry_after.map(|wait| wait.header(now));
    let told_in = |other| fault.wns_status.clone().filter(|_| fault.wns_status_in != other);
    for (name, value) in [
        ("x-wns-error-description", &fault.description),
        ("x-wns-status", &told_in(StatusHeaders::Older)),
        ("x-wns-notificationstatus", &told_in(StatusHeaders::Newer)),
        ("retry-after", &retry_after),
        ("location", &fault.location),
    ] {
        if let Some(value) = value {
            reply = with(reply, name, value);
        }
    }
    reply
}

/// The reply with one more header; a value that no header can hold is left out.
pub(super) fn with(mut reply: Response<Bytes>, name: &'static str, value: &str) -> Response<Bytes> {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(HeaderName::from_static(name), value);
    }
    reply
}

/// Gives the reply a body.
pub(super) fn with_body(reply: &mut Response<Bytes>, body: String) {
    reply.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
    *reply.body_mut() = body.into();
}

impl RetryAfter {
    fn header(self, now: Timestamp) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::DateIn(seconds) => {
                httpdate::fmt_http_date(SystemTime::from(now + Duration::from_secs(seconds)))
            }
        }
    }
}
