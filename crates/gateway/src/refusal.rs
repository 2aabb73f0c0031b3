//! Why a message got no SyncML in return, as HTTP.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// Why a message got no SyncML in return.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It is not SyncML: the sender's mistake.
    Malformed(syncml::ParseError),
    /// It is longer than we read.
    TooLarge,
    /// It did not come to its end in time.
    TooSlow,
    /// It is of another media type.
    MediaType,
    /// We have too much to do; come back after this.
    Overloaded(Duration),
    /// We cannot do it now; come back after this.
    Unavailable(Duration),
    /// Something is wrong with our records.
    Broken,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, text) = match &self {
            Self::Malformed(error) => {
                (StatusCode::BAD_REQUEST, format!("This is not a SyncML message: {error}."))
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The message is too long.".into()),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "The message took too long to arrive.".into()),
            Self::MediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Send application/vnd.syncml.dm+xml; the WBXML form is not understood here.".into(),
            ),
            Self::Overloaded(_) => (StatusCode::TOO_MANY_REQUESTS, "Too many devices at once.".into()),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "Not now.".into()),
            Self::Broken => {
                (StatusCode::INTERNAL_SERVER_ERROR, "Our records of this device are broken.".into())
            }
        };
        let wait = match self {
            Self::Overloaded(wait) | Self::Unavailable(wait) => Some(wait),
            _ => None,
        };
        let mut response = (status, text).into_response();
        if let Some(wait) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        response
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Busy(after) | store::Error::Unavailable { after, .. } => Self::Unavailable(after),
            // Changed under our hands again and again: whoever does that will be done in a moment.
            store::Error::Conflict(_) | store::Error::NotFound => Self::Unavailable(Duration::from_secs(1)),
            store::Error::Corrupt(_) => Self::Broken,
        }
    }
}
