//! Faults that can be scripted, in Rust and over HTTP.

use serde::{Deserialize, Serialize};

/// A scripted fault: what goes wrong, where, how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script<F> {
    /// Where it strikes.
    #[serde(default)]
    pub scope: Scope,
    /// How often.
    pub times: Times,
    /// What goes wrong.
    pub fault: F,
}

/// Where a fault strikes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everywhere.
    #[default]
    All,
    /// The channels of this device.
    Device(String),
    /// The channels of this app, named by its PFN; at the token endpoint, its credentials.
    App(String),
}

/// How often a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    /// So many times, then no more.
    Next(u32),
    /// Until the faults are cleared.
    Always,
}

/// What goes wrong with a push (the rows of the table in DESIGN §5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PushFault {
    /// 200 with `X-WNS-Status: dropped`.
    Dropped,
    /// 200 with `X-WNS-Status: channelthrottled`.
    ChannelThrottled,
    /// Delivered, but `X-WNS-Status` has this value, or is missing.
    OddStatus(Option<String>),
    /// An HTTP answer; nothing is delivered.
    Http(HttpFault),
    /// The connection is closed before an answer; nothing is delivered.
    Closed,
    /// The connection is reset (RST) before an answer; nothing is delivered.
    Reset,
    /// Delivered, and the connection is closed before the answer.
    ClosedAfterDelivery,
    /// Delivered, and the answer comes so many milliseconds later.
    Slow(u64),
    /// Delivered, and the answer comes when faults are cleared.
    Held,
}

/// What goes wrong at the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TokenFault {
    /// HTTP 400 with this OAuth error and description.
    Error {
        /// `invalid_client`, `unauthorized_client`, …
        error: String,
        /// The text that goes with it.
        description: String,
    },
    /// An HTTP answer without a body.
    Http(HttpFault),
    /// An answer with this status and this body, whatever it is.
    Body {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
    /// The connection is closed before an answer.
    Closed,
    /// The answer is right, but comes so many milliseconds later.
    Slow(u64),
}

/// An HTTP answer that is not a success.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpFault {
    /// The status.
    pub status: u16,
    /// The reason phrase, if not the usual one.
    pub reason: Option<String>,
    /// `X-WNS-Error-Description`.
    pub description: Option<String>,
    /// The notification status, such as `appthrottled`.
    pub wns_status: Option<String>,
    /// Which headers tell it.
    pub wns_status_in: StatusHeaders,
    /// `Retry-After`.
    pub retry_after: Option<RetryAfter>,
    /// `Location`, for redirects.
    pub location: Option<String>,
}

/// Which headers tell the notification status: the real WNS sends the older name beside the newer one, or in its place
/// (wns.md §3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusHeaders {
    /// `X-WNS-Status` and `X-WNS-NotificationStatus`.
    #[default]
    Both,
    /// `X-WNS-Status` alone.
    Newer,
    /// `X-WNS-NotificationStatus` alone.
    Older,
}

/// The two forms of `Retry-After`; which one WNS uses is not known (wns.md §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// A number of seconds.
    Seconds(u64),
    /// A date so many seconds from now.
    DateIn(u64),
}

impl<F> Script<F> {
    /// The fault strikes everywhere, the next time only.
    pub fn once(fault: F) -> Self {
        Self { scope: Scope::All, times: Times::Next(1), fault }
    }

    /// The fault strikes everywhere until faults are cleared.
    pub fn always(fault: F) -> Self {
        Self { scope: Scope::All, times: Times::Always, fault }
    }

    /// The same at one device only.
    #[must_use]
    pub fn at_device(mut self, device: &str) -> Self {
        self.scope = Scope::Device(device.to_owned());
        self
    }

    /// The same, the next `n` times.
    #[must_use]
    pub fn times(mut self, n: u32) -> Self {
        self.times = Times::Next(n);
        self
    }
}

impl PushFault {
    /// An answer with this status and nothing to explain it.
    pub fn status(status: u16) -> Self {
        Self::Http(HttpFault { status, ..HttpFault::default() })
    }

    /// The app is throttled: 406, 429 or 503, with or without a word on when to come back (wns.md §3.1).
    pub fn app_throttled(status: u16, retry_after: Option<RetryAfter>) -> Self {
        let wns_status = Some("appthrottled".to_owned());
        Self::Http(HttpFault { status, wns_status, retry_after, ..HttpFault::default() })
    }

    /// 200 with this notification status, in these headers; nothing is delivered.
    pub fn answered(wns_status: &str, wns_status_in: StatusHeaders) -> Self {
        let wns_status = Some(wns_status.to_owned());
        Self::Http(HttpFault { status: 200, wns_status, wns_status_in, ..HttpFault::default() })
    }

    /// The sender is blocked for abuse: 410 "Domain Blocked", said in the reason phrase and in the description, as
    /// the wire form is not known (wns.md §3.1).
    pub fn domain_blocked() -> Self {
        let text = Some("Domain Blocked".to_owned());
        Self::Http(HttpFault { status: 410, reason: text.clone(), description: text, ..HttpFault::default() })
    }

    /// A redirect to somewhere else.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::Http(HttpFault { status, location: Some(location.to_owned()), ..HttpFault::default() })
    }
}

impl TokenFault {
    /// HTTP 400 with an OAuth error.
    pub fn error(error: &str, description: &str) -> Self {
        Self::Error { error: error.to_owned(), description: description.to_owned() }
    }

    /// What new registrations are told since 2026 (wns.md §1.1).
    pub fn no_longer_supported() -> Self {
        Self::error(
            "invalid_request",
            "Client credential flows against login.live.com are no longer supported. New clients should use \
             login.microsoftonline.com instead.",
        )
    }

    /// An answer with this status and perhaps a `Retry-After`.
    pub fn status(status: u16, retry_after: Option<RetryAfter>) -> Self {
        Self::Http(HttpFault { status, retry_after, ..HttpFault::default() })
    }
}

/// The faults that are still to come, in the order in which they were scripted.
#[derive(Clone, Debug)]
pub(super) struct Faults<F>(Vec<Script<F>>);

impl<F> Default for Faults<F> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<F: Clone> Faults<F> {
    pub(super) fn add(&mut self, script: Script<F>) {
        if script.times != Times::Next(0) {
            self.0.push(script);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The first fault whose scope covers the app and, where there is one, the device; it is used up by one.
    pub(super) fn take(&mut self, pfn: &str, device: Option<&str>) -> Option<F> {
        let index = self.0.iter().position(|script| script.scope.covers(pfn, device))?;
        let script = &mut self.0[index];
        let fault = script.fault.clone();
        if let Times::Next(left) = &mut script.times {
            *left -= 1;
            if *left == 0 {
                self.0.remove(index);
            }
        }
        Some(fault)
    }
}

impl Scope {
    fn covers(&self, pfn: &str, device: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Device(name) => device == Some(name.as_str()),
            Self::App(name) => pfn == name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_used_up_in_order_and_within_their_scope() {
        let mut faults = Faults::default();
        faults.add(Script::once(1).at_device("a"));
        faults.add(Script::once(2).times(2));
        faults.add(Script::always(3).at_device("a"));
        let got: Vec<_> = ["b", "a", "a", "b", "a", "a"].map(|d| faults.take("pfn", Some(d))).into();
        assert_eq!(got, [Some(2), Some(1), Some(2), None, Some(3), Some(3)]);
        faults.clear();
        assert_eq!(faults.take("pfn", Some("a")), None);
    }

    #[test]
    fn faults_read_from_json() {
        for (json, expect) in [
            (r#"{"times":"always","fault":"dropped"}"#, Script::always(PushFault::Dropped)),
            (r#"{"times":{"next":1},"fault":{"http":{"status":404}}}"#, Script::once(PushFault::status(404))),
            (
                r#"{"scope":{"device":"a"},"times":{"next":2},"fault":{"slow":5}}"#,
                Script::once(PushFault::Slow(5)).at_device("a").times(2),
            ),
        ] {
            assert_eq!(serde_json::from_str::<Script<PushFault>>(json).unwrap(), expect, "{json}");
        }
    }
}
