//! What operators see of pushes and of wakes that end here.

use model::{PushAppName, Timestamp};
use push::Pacer;
use store::{ClaimedPush, Error, Judged, LostPush, PushResult, SessionRecord, WakeRecord};
use telemetry::{EndedSession, EndedWake, Pacing, within};

use crate::span;

/// A push and its verdict.
pub(crate) fn push(push: &ClaimedPush, result: &PushResult, judged: &Judged, started: Timestamp) {
    let verdict = judged.verdict.name();
    let description = crate::app::words(&result.exchange);
    if !judged.told_before {
        telemetry::metrics().pushed(result.app.as_str(), verdict, result.now.since(started));
        span::push(push, result, judged, started);
    }
    within(push.trace, || {
        tracing::debug!(push = %push.id, device = %push.device_name, verdict, description, "pushed");
    });
    if let Some(condition) = &judged.condition {
        let reason = condition.reason(result.now).map(push::EndReason::name);
        if condition.suspects_deaths() {
            let why = condition.fault().map(|fault| fault.description.as_str());
            tracing::error!(push_app = %result.app, why, "deaths of channels are suspect: look whether WNS blocks the sender; if they are real, resume the push app");
        } else if let Some(reason) = reason {
            tracing::warn!(push_app = %result.app, reason, description, "the push app is held back");
        } else if judged.reopened {
            tracing::info!(push_app = %result.app, "the push app pushes again");
        }
    }
    for wake in &judged.failed {
        ended_wake(wake);
    }
}

/// A push that was claimed, not begun, and cannot be handed back.
pub(crate) fn left_to_its_lease(push: &ClaimedPush, error: &Error) {
    within(push.trace, || tracing::warn!(push = %push.id, %error, "a push is left to its lease"));
}

/// A verdict that the store refuses.
pub(crate) fn not_stored(push: &ClaimedPush, error: &Error) {
    within(push.trace, || tracing::error!(push = %push.id, %error, "a verdict cannot be stored"));
}

/// A verdict that the store did not take, however often it was offered.
pub(crate) fn not_stored_in_time(push: &ClaimedPush) {
    within(push.trace, || {
        tracing::error!(push = %push.id, "a verdict could not be stored in time: its lease will run out");
    });
}

/// A push whose process never told what became of it.
pub(crate) fn lost_push(lost: &LostPush) {
    let verdict = lost.push.verdict.as_deref().unwrap_or_default();
    telemetry::metrics().push_unsent(&lost.push.push_app, "lease_expired");
    let warn = || {
        tracing::warn!(push = %lost.push.id, device = %lost.device_name, verdict, "a process stopped in the middle of a push: it may have arrived, and counts");
    };
    lost.push.trace.map_or_else(warn, |trace| within(trace, warn));
    span::lost(lost);
}

/// How many sessions bulk may cause in a second.
pub(crate) fn bulk(bound: Option<f64>) {
    telemetry::metrics().woken_sessions(bound.unwrap_or_default());
}

/// How fast an app may push, and does.
pub(crate) fn pacing(app: &PushAppName, pacer: &Pacer) {
    let pacing = Pacing { limit: pacer.limit(), under_way: pacer.under_way(), rate: pacer.rate() };
    telemetry::metrics().pacing(app.as_str(), pacing);
}

/// A wake that ended without a session.
pub(crate) fn ended_wake(record: &WakeRecord) {
    EndedWake {
        wake: &record.wake,
        device: &record.device_name,
        caller: &record.caller,
        context: record.trace,
        parent: record.parent,
        link: None,
    }
    .report();
}

/// A session that fell silent.
pub(crate) fn silent_session(record: &SessionRecord, device: &str) {
    EndedSession {
        key: record.key,
        device,
        session_id: &record.session_id,
        ending: record.ending.as_deref().unwrap_or_default(),
        messages: record.messages,
        started_at: record.started_at,
        ended_at: record.ended_at.unwrap_or(record.heard_at),
        context: record.trace,
        parent: record.parent,
        links: &record.links,
    }
    .report();
}
