//! What operators see of pushes and of wakes that end here.

use model::Timestamp;
use push::Exchange;
use store::{ClaimedPush, Judged, PushResult, SessionRecord, WakeRecord};
use telemetry::{EndedSession, EndedWake, FinishedSpan, SpanKind, Value, emit_span, new_context};

/// A push and its verdict: a client span in the trace of the oldest wake that it serves, linked to the others.
pub(crate) fn push(push: &ClaimedPush, result: &PushResult, judged: &Judged, started: Timestamp) {
    let verdict = judged.verdict.name();
    let description = crate::app::words(&result.exchange);
    tracing::debug!(push = %push.id, device = %push.device_name, verdict, description, "pushed");
    if let Some(condition) = &judged.condition {
        let reason = condition.reason(result.now).map(push::EndReason::name);
        if condition.suspects_deaths() {
            let why = condition.fault().map(|fault| fault.description.as_str());
            tracing::error!(push_app = %result.app, why, "deaths of channels are suspect: look whether WNS blocks the sender; if they are real, resume the push app");
        } else if let Some(reason) = reason {
            tracing::warn!(push_app = %result.app, reason, description, "the push app is held back");
        } else {
            tracing::info!(push_app = %result.app, "the push app pushes again");
        }
    }
    for wake in &judged.failed {
        ended_wake(wake);
    }
    let Some((oldest, others)) = push.wakes.split_first() else { return };
    emit_span(FinishedSpan {
        name: "push",
        context: new_context(Some(oldest.trace)),
        parent: Some(oldest.trace.span_id),
        kind: SpanKind::Client,
        start: started,
        end: result.now,
        attributes: attributes(push, result, verdict),
        links: others.iter().map(|wake| wake.trace).collect(),
        error: (!judged.verdict.accepted()).then(|| verdict.to_owned()),
    });
}

fn attributes(push: &ClaimedPush, result: &PushResult, verdict: &str) -> Vec<(&'static str, Value)> {
    let mut attributes = vec![
        ("reveille.push.id", Value::Text(push.id.to_string())),
        ("reveille.push_app", Value::Text(result.app.to_string())),
        ("reveille.device", Value::Text(push.device_name.to_string())),
        ("reveille.push.attempt", Value::Int(push.attempt.into())),
        ("reveille.push.verdict", Value::Text(verdict.to_owned())),
        ("http.request.method", Value::Text("POST".to_owned())),
    ];
    let Exchange::Responded(response) = &result.exchange else { return attributes };
    attributes.push(("http.response.status_code", Value::Int(response.status.into())));
    let texts = [
        ("reveille.wns.status", response.notification_status.clone()),
        ("reveille.wns.connection_status", response.connection.map(|status| status.to_string())),
        ("reveille.wns.message_id", response.message_id.clone()),
        ("reveille.wns.debug_trace", response.debug_trace.clone()),
        ("reveille.wns.ms_cv", response.ms_cv.clone()),
        ("reveille.wns.error_description", response.error_description.clone()),
    ];
    attributes.extend(texts.into_iter().filter_map(|(key, text)| Some((key, Value::Text(text?)))));
    attributes
}

/// A wake that ended without a session.
pub(crate) fn ended_wake(record: &WakeRecord) {
    EndedWake {
        wake: &record.wake,
        device: &record.device_name,
        caller: &record.caller,
        context: record.trace,
        parent: record.parent,
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
    }
    .report();
}
