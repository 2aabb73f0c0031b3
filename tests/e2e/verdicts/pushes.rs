//! Answers to a push, and answers that do not come.

use simulator::wns::{HttpFault, PushFault, StatusHeaders};

use super::{DATE, Left::*, SECONDS, every, push, state::Left};

#[tokio::test]
async fn answers_of_200() {
    let named = |status: &str| PushFault::OddStatus(Some(status.to_owned()));
    every([
        push("received", named("received"), ("SENT", 200), Nothing),
        push("another status", named("sideways"), ("SENT_UNKNOWN", 200), Nothing),
        push("no status", PushFault::OddStatus(None), ("SENT_UNKNOWN", 200), Nothing),
        push("dropped", PushFault::Dropped, ("DROPPED", 200), Nothing),
        push("dropped, newer header", in_header("dropped", StatusHeaders::Newer), ("DROPPED", 200), Nothing),
        push("dropped, older header", in_header("dropped", StatusHeaders::Older), ("DROPPED", 200), Nothing),
        push("channelthrottled", PushFault::ChannelThrottled, ("CHANNEL_THROTTLED", 200), ChannelGate(600)),
        push(
            "channelthrottled, older header",
            in_header("channelthrottled", StatusHeaders::Older),
            ("CHANNEL_THROTTLED", 200),
            ChannelGate(600),
        ),
        push(
            "appthrottled, older header",
            in_header("appthrottled", StatusHeaders::Older),
            ("APP_THROTTLED", 200),
            AppGate(60),
        ),
    ])
    .await;
}

fn in_header(status: &str, headers: StatusHeaders) -> PushFault {
    PushFault::answered(status, headers)
}

#[tokio::test]
async fn answers_about_a_channel() {
    every([
        push("403", PushFault::status(403), ("MISMATCH", 403), UntilSession),
        push("404", PushFault::status(404), ("CHANNEL_DEAD", 404), DeadChannel),
        push("410", PushFault::status(410), ("CHANNEL_DEAD", 410), DeadChannel),
    ])
    .await;
}

#[tokio::test]
async fn answers_about_the_app() {
    let rows = [406, 429, 503].into_iter().flat_map(|status| {
        let verdict = ("APP_THROTTLED", u32::from(status));
        [
            push("too many, with seconds", PushFault::app_throttled(status, SECONDS), verdict, AppGate(120)),
            push("too many, with a date", PushFault::app_throttled(status, DATE), verdict, AppGate(120)),
            push("too many, without", PushFault::app_throttled(status, None), verdict, AppGate(60)),
            push("too many, for a year", PushFault::app_throttled(status, YEAR), verdict, AppGate(3_600)),
        ]
    });
    let said = |reason: Option<&str>, description: Option<&str>| {
        PushFault::Http(HttpFault {
            status: 410,
            reason: reason.map(str::to_owned),
            description: description.map(str::to_owned),
            ..HttpFault::default()
        })
    };
    let blocked = ("APP_BLOCKED", 410);
    every(rows.chain([
        push("401, again and again", PushFault::status(401), ("CREDENTIAL_FAULT", 401), CREDENTIAL),
        push("410 Domain Blocked", PushFault::domain_blocked(), blocked, Blocked),
        push("410, blocked by the reason", said(Some("Domain Blocked"), None), blocked, Blocked),
        push("410, blocked by the description", said(None, Some("Domain Blocked")), blocked, Blocked),
    ]))
    .await;
}

#[tokio::test]
async fn answers_that_say_it_is_our_fault() {
    let redirect = |status| PushFault::redirect(status, "http://127.0.0.1:9/elsewhere");
    let rows = [400, 405, 413].map(|status| (status, PushFault::status(status)));
    let rows = rows.into_iter().chain([301, 302, 307, 308].map(|status| (status, redirect(status))));
    every(rows.map(|(status, fault)| push("malformed", fault, ("MALFORMED", status.into()), FailedWake)))
        .await;
}

#[tokio::test]
async fn trouble_on_the_way() {
    let statuses = [402, 409, 412, 418, 500, 501, 502, 504, 599];
    let rows = statuses
        .map(|status| push("an error", PushFault::status(status), ("FAILED", status.into()), Nothing));
    let unknown = ("AMBIGUOUS", 0);
    every(rows.into_iter().chain([
        push("closed before an answer", PushFault::Closed, unknown, Nothing),
        push("reset before an answer", PushFault::Reset, unknown, Nothing),
        push("delivered, and closed", PushFault::ClosedAfterDelivery, unknown, Nothing),
        push("half open: no answer at all", PushFault::Slow(60_000), unknown, Nothing),
        push("a slow answer", PushFault::Slow(200), ("SENT", 200), Nothing),
    ]))
    .await;
}

const YEAR: Option<simulator::wns::RetryAfter> = Some(simulator::wns::RetryAfter::Seconds(365 * 86_400));
const CREDENTIAL: Left = Left::Fault(reveille_api::v1::PushAppFaultKind::Credential);
