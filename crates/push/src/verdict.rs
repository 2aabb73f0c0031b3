//! What WNS's answer means (DESIGN §5, wns.md §3).

use std::time::Duration;

use crate::{ConnectionStatus, Exchange, TokenTrouble, WnsResponse};

/// What became of one push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// WNS took it. That is no delivery, and no session either.
    Sent {
        /// Whether WNS sees the device, if it said so.
        connection: Option<ConnectionStatus>,
    },
    /// 200 without a notification status that we know: taken, as far as anybody can tell.
    SentUnknown,
    /// WNS did not keep it, mostly because the device is off.
    Dropped,
    /// This channel got too many.
    ChannelThrottled,
    /// This `ChannelURI` is no more.
    ChannelDead,
    /// It says so of too many channels at once (DESIGN §4, mass death): this one is kept, and pushed to again later.
    ChannelSuspect,
    /// The channel belongs to another app than the token.
    Mismatch,
    /// The push app's credentials are refused.
    CredentialFault,
    /// WNS blocked the sender for abuse.
    AppBlocked,
    /// The push app sends too much; WNS may have said for how long to wait.
    AppThrottled {
        /// How long to wait.
        retry_after: Option<Duration>,
    },
    /// The token endpoint was overloaded or could not be reached, and may have said for how long: the app is shut as if WNS
    /// had throttled it, but that says nothing of how fast WNS takes pushes.
    TokenUnavailable {
        /// How long to wait.
        retry_after: Option<Duration>,
    },
    /// WNS found the request itself wrong: our fault.
    Malformed,
    /// It failed on the way or inside WNS, certainly unsent.
    Failed,
    /// It may or may not have arrived.
    Ambiguous,
}

impl Verdict {
    /// Judges an exchange.
    pub fn of(exchange: &Exchange) -> Self {
        match exchange {
            Exchange::Responded(response) => of_response(response),
            Exchange::NotSent(_) => Self::Failed,
            Exchange::Ambiguous(_) => Self::Ambiguous,
            Exchange::NoToken(TokenTrouble::Credential { .. }) => Self::CredentialFault,
            Exchange::NoToken(TokenTrouble::Unavailable { retry_after, .. }) => {
                Self::TokenUnavailable { retry_after: *retry_after }
            }
        }
    }

    /// Whether WNS has the notification, as far as anybody can tell.
    pub fn accepted(&self) -> bool {
        matches!(self, Self::Sent { .. } | Self::SentUnknown)
    }

    /// Whether the device may have got it, or may still.
    pub fn may_have_arrived(&self) -> bool {
        self.accepted() || *self == Self::Ambiguous
    }

    /// The name in records, metrics and the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sent { .. } => "sent",
            Self::SentUnknown => "sent_unknown",
            Self::Dropped => "dropped",
            Self::ChannelThrottled => "channel_throttled",
            Self::ChannelDead => "channel_dead",
            Self::ChannelSuspect => "channel_suspect",
            Self::Mismatch => "mismatch",
            Self::CredentialFault => "credential_fault",
            Self::AppBlocked => "app_blocked",
            Self::AppThrottled { .. } => "app_throttled",
            Self::TokenUnavailable { .. } => "token_unavailable",
            Self::Malformed => "malformed",
            Self::Failed => "failed",
            Self::Ambiguous => "ambiguous",
        }
    }
}

fn of_response(response: &WnsResponse) -> Verdict {
    match response.status {
        200 => of_notification_status(response),
        401 => Verdict::CredentialFault,
        403 => Verdict::Mismatch,
        410 if says_blocked(response) => Verdict::AppBlocked,
        404 | 410 => Verdict::ChannelDead,
        406 | 429 | 503 => Verdict::AppThrottled { retry_after: response.retry_after },
        300..=399 | 400 | 405 | 413 => Verdict::Malformed,
        _ => Verdict::Failed,
    }
}

fn of_notification_status(response: &WnsResponse) -> Verdict {
    let status = response.notification_status.as_deref().unwrap_or_default().trim().to_ascii_lowercase();
    match status.as_str() {
        "received" => Verdict::Sent { connection: response.connection },
        "dropped" => Verdict::Dropped,
        "channelthrottled" => Verdict::ChannelThrottled,
        "appthrottled" => Verdict::AppThrottled { retry_after: response.retry_after },
        _ => Verdict::SentUnknown,
    }
}

/// Where WNS puts "Domain Blocked" is not documented: reason phrase and description are both looked at (wns.md §3.1).
fn says_blocked(response: &WnsResponse) -> bool {
    [&response.reason, &response.error_description]
        .into_iter()
        .flatten()
        .any(|text| text.to_ascii_lowercase().contains("domain blocked"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16) -> WnsResponse {
        WnsResponse { status, ..WnsResponse::default() }
    }

    fn with_status(text: &str) -> Exchange {
        Exchange::Responded(WnsResponse { notification_status: Some(text.into()), ..response(200) })
    }

    #[test]
    fn every_row_of_the_table() {
        let wait = Some(Duration::from_mins(15));
        let why = || "because".to_owned();
        let throttled = |retry_after| Verdict::AppThrottled { retry_after };
        let blocked = WnsResponse { reason: Some("Domain Blocked".into()), ..response(410) };
        let blocked_too = WnsResponse { error_description: Some("domain blocked.".into()), ..response(410) };
        let connected = WnsResponse {
            notification_status: Some("received".into()),
            connection: Some(ConnectionStatus::Connected),
            ..response(200)
        };
        let limited = WnsResponse { retry_after: wait, ..response(406) };
        let refused = TokenTrouble::Credential { description: why() };
        let away = TokenTrouble::Unavailable { retry_after: wait, description: why() };
        let table = [
            (with_status("received"), Verdict::Sent { connection: None }),
            (Exchange::Responded(connected), Verdict::Sent { connection: Some(ConnectionStatus::Connected) }),
            (with_status(" Dropped "), Verdict::Dropped),
            (with_status("channelthrottled"), Verdict::ChannelThrottled),
            (with_status("appthrottled"), throttled(None)),
            (with_status("sideways"), Verdict::SentUnknown),
            (Exchange::Responded(response(200)), Verdict::SentUnknown),
            (Exchange::Responded(response(401)), Verdict::CredentialFault),
            (Exchange::Responded(response(403)), Verdict::Mismatch),
            (Exchange::Responded(response(404)), Verdict::ChannelDead),
            (Exchange::Responded(response(410)), Verdict::ChannelDead),
            (Exchange::Responded(blocked), Verdict::AppBlocked),
            (Exchange::Responded(blocked_too), Verdict::AppBlocked),
            (Exchange::Responded(limited), throttled(wait)),
            (Exchange::Responded(response(429)), throttled(None)),
            (Exchange::Responded(response(503)), throttled(None)),
            (Exchange::Responded(response(302)), Verdict::Malformed),
            (Exchange::Responded(response(400)), Verdict::Malformed),
            (Exchange::Responded(response(405)), Verdict::Malformed),
            (Exchange::Responded(response(413)), Verdict::Malformed),
            (Exchange::Responded(response(412)), Verdict::Failed),
            (Exchange::Responded(response(500)), Verdict::Failed),
            (Exchange::Responded(response(504)), Verdict::Failed),
            (Exchange::NotSent(why()), Verdict::Failed),
            (Exchange::Ambiguous(why()), Verdict::Ambiguous),
            (Exchange::NoToken(refused), Verdict::CredentialFault),
            (Exchange::NoToken(away), Verdict::TokenUnavailable { retry_after: wait }),
        ];
        for (exchange, expect) in table {
            assert_eq!(Verdict::of(&exchange), expect, "{exchange:?}");
        }
    }
}
