//! Why a message got no SyncML in return, as HTTP.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::certificate_header::HeaderError;

/// Why a message got no SyncML in return.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It is not SyncML: the sender's mistake.
    Malformed(syncml::ParseError),
    /// It is longer than we read.
    TooLarge,
    /// It did not come to its end in time.
    TooSlow,
    /// Its sender broke off in the middle.
    BrokenOff,
    /// It is of another media type.
    MediaType(Media),
    /// A trusted proxy sent a certificate header that cannot be used: the proxy's mistake.
    CertificateHeader { name: HeaderName, why: HeaderError },
    /// Too many wrong credentials came from its address; it may come again after this.
    Guessing(Duration),
    /// We have too much to do; come back after this.
    Overloaded(Duration),
    /// We cannot do it now; come back after this.
    Unavailable(Duration),
    /// What it was decided on changed under our hands: it is to be taken in again.
    Changed,
    /// Something is wrong with our records.
    Broken,
}

/// What came instead of SyncML in XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// SyncML in WBXML.
    Wbxml,
    /// Something else.
    Other,
}

impl Refusal {
    /// The name in metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::BrokenOff => "broken_off",
            Self::MediaType(_) => "media_type",
            Self::CertificateHeader { .. } => "certificate_header",
            Self::Guessing(_) => "guessing",
            Self::Overloaded(_) => "overloaded",
            Self::Unavailable(_) => "unavailable",
            Self::Changed => "changed",
            Self::Broken => "broken",
        }
    }

    /// Whether the request's body was not read to its end.
    pub(crate) fn leaves_the_body(&self) -> bool {
        matches!(
            self,
            Self::TooLarge
                | Self::TooSlow
                | Self::BrokenOff
                | Self::MediaType(_)
                | Self::CertificateHeader { .. }
                | Self::Overloaded(_)
                | Self::Unavailable(_)
        )
    }

    fn wait(&self) -> Option<Duration> {
        match self {
            Self::Guessing(wait) | Self::Overloaded(wait) | Self::Unavailable(wait) => Some(*wait),
            // Changed again and again: whoever does that will be done in a moment.
            Self::Changed => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, text) = match &self {
            Self::Malformed(error) => {
                (StatusCode::BAD_REQUEST, format!("This is not a SyncML message: {error}.\n"))
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The message is too long.\n".into()),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "The message took too long to arrive.\n".into()),
            Self::BrokenOff => (StatusCode::BAD_REQUEST, "The message broke off.\n".into()),
            Self::MediaType(media) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, media.explained().into()),
            Self::CertificateHeader { name, why } => (
                StatusCode::BAD_REQUEST,
                format!("The proxy's header {name} cannot be used: {why}. This is a mistake of the proxy.\n"),
            ),
            Self::Guessing(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too many wrong credentials came from this address. Try again later.\n".into(),
            ),
            Self::Overloaded(_) => (StatusCode::TOO_MANY_REQUESTS, "Too many devices at once.\n".into()),
            Self::Unavailable(_) | Self::Changed => (StatusCode::SERVICE_UNAVAILABLE, "Not now.\n".into()),
            Self::Broken => {
                (StatusCode::INTERNAL_SERVER_ERROR, "Our records of this device are broken.\n".into())
            }
        };
        let wait = self.wait();
        let mut response = (status, text).into_response();
        if let Some(wait) = wait {
            let seconds = wait.as_secs_f64().ceil().max(1.0);
            let seconds = Duration::from_secs_f64(seconds).as_secs();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl Media {
    fn explained(self) -> &'static str {
        match self {
            Self::Wbxml => {
                "WBXML is not understood here: send SyncML as XML, application/vnd.syncml.dm+xml. On Windows, \
                 DEFAULTENCODING of the enrollment decides.\n"
            }
            Self::Other => "Send SyncML as application/vnd.syncml.dm+xml.\n",
        }
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Busy(after) | store::Error::Unavailable { after, .. } => Self::Unavailable(after),
            store::Error::Conflict(_) | store::Error::NotFound => Self::Changed,
            store::Error::Corrupt(_) => Self::Broken,
        }
    }
}
