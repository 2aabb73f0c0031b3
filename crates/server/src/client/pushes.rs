//! Pushes, in words and in rows.

use std::collections::BTreeSet;

use reveille_api::v1::{Push, PushVerdict};

use super::words;
use crate::print::{Page, Table};

/// Which pushes of a wake were told of, so that each is told once.
#[derive(Default)]
pub(super) struct Told(BTreeSet<String>);

impl Told {
    /// The pushes whose verdict is news, each in a sentence.
    pub(super) fn news(&mut self, pushes: &[Push]) -> Vec<String> {
        let judged = pushes.iter().filter(|push| push.verdict() != PushVerdict::InFlight);
        judged.filter(|push| self.0.insert(push.id.clone())).map(sentence).collect()
    }
}

/// What became of a push: what WNS said, and what it says of the device.
fn sentence(push: &Push) -> String {
    let said = match push.verdict() {
        PushVerdict::Sent => format!("WNS accepted a push, and {}", connection(push)),
        PushVerdict::SentUnknown => {
            format!("WNS answered a push without a status that is known: {}", http(push))
        }
        PushVerdict::Dropped => format!("WNS dropped a push, and {}", connection(push)),
        PushVerdict::ChannelThrottled => "WNS throttles the device's channel".into(),
        PushVerdict::CredentialFault => "the push app's credential was refused".into(),
        PushVerdict::Mismatch => format!("WNS says that the channel is another app's: {}", http(push)),
        PushVerdict::ChannelDead => format!("WNS says that the channel is gone: {}", http(push)),
        PushVerdict::ChannelSuspect => {
            format!("WNS says that the channel is gone, as of too many others to be believed: {}", http(push))
        }
        PushVerdict::AppBlocked => "WNS blocks the push app as a sender".into(),
        PushVerdict::AppThrottled => format!("WNS throttles the push app: {}", http(push)),
        PushVerdict::TokenUnavailable => "the push app got no token: nothing was sent".into(),
        PushVerdict::Malformed => format!("WNS refused a push as malformed: {}", http(push)),
        PushVerdict::Failed => "a push failed and was certainly not sent".into(),
        PushVerdict::Ambiguous => "a push may have been sent: the connection broke before an answer".into(),
        PushVerdict::Observed => "a push would have gone out now: the device is only observed".into(),
        PushVerdict::InFlight => "a push is on its way".into(),
        PushVerdict::Unspecified => "a push ended in a way that this program does not know".into(),
    };
    match push.error_description.as_str() {
        "" => said,
        why => format!("{said} ({why})"),
    }
}

/// Whether the device was connected, by WNS's account.
fn connection(push: &Push) -> String {
    match push.device_connection_status.as_str() {
        "" => "does not say whether the device is connected".into(),
        status => format!("says that the device is {status}"),
    }
}

fn http(push: &Push) -> String {
    match push.http_status {
        0 => "without an HTTP status".into(),
        status => format!("HTTP {status}"),
    }
}

/// What WNS said to each push, and below that what Microsoft's support asks for (wns.md §3.2).
pub(super) fn tell(page: &mut Page, pushes: &[Push]) {
    let mut said = Table::new(["PUSHED", "VERDICT", "HTTP", "WNS SAID", "DEVICE", "DESCRIPTION"]);
    let mut support = Table::new(["PUSHED", "MESSAGE ID", "DEBUG TRACE", "MS-CV"]);
    for push in pushes {
        let http = if push.http_status == 0 { String::new() } else { push.http_status.to_string() };
        said.row([
            words::time(push.start_time),
            words::word(push.verdict().as_str_name(), "PUSH_VERDICT_"),
            http,
            push.wns_status.clone(),
            push.device_connection_status.clone(),
            push.error_description.clone(),
        ]);
        support.row([
            words::time(push.start_time),
            push.message_id.clone(),
            push.debug_trace.clone(),
            push.ms_cv.clone(),
        ]);
    }
    page.table(said);
    page.line("");
    page.line("for Microsoft's support:");
    page.table(support);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(verdict: PushVerdict) -> Push {
        Push { id: verdict.as_str_name().into(), verdict: verdict.into(), ..Push::default() }
    }

    #[test]
    fn accepted_connected_and_unknown_are_told_apart() {
        let check = |status: &str, expect: &str| {
            let push = Push { device_connection_status: status.into(), ..push(PushVerdict::Sent) };
            assert_eq!(sentence(&push), expect);
        };
        check("connected", "WNS accepted a push, and says that the device is connected");
        check("disconnected", "WNS accepted a push, and says that the device is disconnected");
        check("", "WNS accepted a push, and does not say whether the device is connected");
    }

    #[test]
    fn a_sentence_ends_with_what_went_wrong() {
        let dead = Push {
            http_status: 410,
            error_description: "the channel expired".into(),
            ..push(PushVerdict::ChannelDead)
        };
        assert_eq!(sentence(&dead), "WNS says that the channel is gone: HTTP 410 (the channel expired)");
    }

    #[test]
    fn a_push_is_told_once_and_not_before_its_verdict() {
        let mut told = Told::default();
        let mut pushes = vec![push(PushVerdict::InFlight)];
        assert!(told.news(&pushes).is_empty());
        pushes[0].set_verdict(PushVerdict::Failed);
        assert_eq!(told.news(&pushes), ["a push failed and was certainly not sent"]);
        assert!(told.news(&pushes).is_empty());
    }

    #[test]
    fn what_support_asks_for_is_shown() {
        let push = Push {
            message_id: "MSG".into(),
            debug_trace: "TRACE".into(),
            ms_cv: "CV.1".into(),
            ..push(PushVerdict::Sent)
        };
        let mut page = Page::default();
        tell(&mut page, &[push]);
        let rows = page.to_string();
        assert!(rows.ends_with("MSG         TRACE        CV.1"), "{rows}");
    }
}
