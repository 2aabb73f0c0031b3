//! Reading WNS's answer to a push (wns.md §3).

use hyper::ext::ReasonPhrase;
use push::{ConnectionStatus, WnsResponse};
use reqwest::Response;

use crate::transport;

/// The longest text that is kept of anything that WNS says, in bytes.
const LONGEST: usize = 256;

/// The answer's head. Bodies are empty (wns.md §3.1); one that is there all the same is read and ignored, so that the
/// connection can be used again.
pub(crate) async fn read(mut response: Response) -> WnsResponse {
    let read = head(&response);
    // The answer stands, whatever becomes of a body that nobody needs.
    let _ = transport::body(&mut response, 64 * 1024).await;
    read
}

fn head(response: &Response) -> WnsResponse {
    let text = |name: &str| response.headers().get(name).map(|value| bounded(value.as_bytes()));
    WnsResponse {
        status: response.status().as_u16(),
        reason: response.extensions().get::<ReasonPhrase>().map(|phrase| bounded(phrase.as_bytes())),
        notification_status: text("x-wns-status").or_else(|| text("x-wns-notificationstatus")),
        connection: text("x-wns-deviceconnectionstatus").and_then(|value| ConnectionStatus::parse(&value)),
        error_description: text("x-wns-error-description"),
        debug_trace: text("x-wns-debug-trace"),
        message_id: text("x-wns-msg-id"),
        ms_cv: text("ms-cv"),
        retry_after: transport::retry_after(response),
    }
}

/// The bytes as text without control characters, cut to a bounded length.
pub(crate) fn bounded(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut kept = String::new();
    for char in text.chars().filter(|char| !char.is_control()) {
        if kept.len() + char.len_utf8() > LONGEST {
            break;
        }
        kept.push(char);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_bounded_and_printable() {
        for (input, expect) in [
            (&b"plain"[..], "plain".to_owned()),
            (b"a\r\nb\x1b[0m", "ab[0m".to_owned()),
            (&[b'x'; 1_000], "x".repeat(LONGEST)),
            ("é".repeat(200).as_bytes(), "é".repeat(128)),
        ] {
            assert_eq!(bounded(input), expect);
        }
    }
}
