//! The spans of pushes, by OpenTelemetry's conventions for HTTP clients. A push is in the trace of the oldest wake that it
//! serves, and is linked to the others.

use model::Timestamp;
use push::Exchange;
use store::{ClaimedPush, Judged, LostPush, PushResult};
use telemetry::{Attribute, FinishedSpan, SpanKind, Value, emit_span};

/// A push and its verdict.
pub(crate) fn push(push: &ClaimedPush, result: &PushResult, judged: &Judged, started: Timestamp) {
    if !push.trace.sampled() {
        return;
    }
    let verdict = judged.verdict.name();
    let error = (!judged.verdict.accepted()).then_some(verdict);
    let wakes = push.wakes.iter().map(|wake| wake.trace);
    emit_span(FinishedSpan {
        name: "push",
        context: push.trace,
        parent: Some(push.parent.span_id),
        kind: SpanKind::Client,
        start: started,
        end: result.now,
        attributes: attributes(push, result, verdict, error),
        events: Vec::new(),
        links: wakes.filter(|wake| *wake != push.parent).collect(),
        error: error.map(str::to_owned),
    });
}

/// A push whose process never told what became of it.
pub(crate) fn lost(lost: &LostPush) {
    let push = &lost.push;
    let (Some(context), Some(parent)) = (push.trace, push.parent) else { return };
    let verdict = push.verdict.clone().unwrap_or_default();
    emit_span(FinishedSpan {
        name: "push",
        context,
        parent: Some(parent.span_id),
        kind: SpanKind::Client,
        start: push.claimed_at,
        end: push.finished_at.unwrap_or(push.claimed_at),
        attributes: vec![
            ("reveille.push.id", push.id.to_string().into()),
            ("reveille.push_app", push.push_app.clone().into()),
            ("reveille.device", lost.device_name.to_string().into()),
            ("reveille.push.attempt", i64::from(push.attempt).into()),
            ("reveille.push.verdict", verdict.clone().into()),
            ("error.type", verdict.clone().into()),
        ],
        events: Vec::new(),
        links: Vec::new(),
        error: Some(verdict),
    });
}

fn attributes(
    push: &ClaimedPush,
    result: &PushResult,
    verdict: &'static str,
    error: Option<&'static str>,
) -> Vec<Attribute> {
    let mut attributes = vec![
        ("reveille.push.id", push.id.to_string().into()),
        ("reveille.push_app", result.app.to_string().into()),
        ("reveille.device", push.device_name.to_string().into()),
        ("reveille.push.attempt", i64::from(push.attempt).into()),
        ("reveille.push.generation", i64::from(push.generation).into()),
        ("reveille.push.verdict", verdict.into()),
        ("http.request.method", "POST".into()),
    ];
    // The rest of the URI is a secret, so there is no `url.full`.
    if let Some((host, port)) = push.uri.server() {
        attributes.extend([("server.address", host.into()), ("server.port", i64::from(port).into())]);
    }
    let failed = match &result.exchange {
        Exchange::Responded(response) if response.status >= 400 => Some(response.status.to_string().into()),
        _ => error.map(Value::from),
    };
    attributes.extend(failed.map(|kind| ("error.type", kind)));
    let Exchange::Responded(response) = &result.exchange else {
        attributes.extend(crate::app::words(&result.exchange).map(|why| described(why.to_owned())));
        return attributes;
    };
    attributes.push(("http.response.status_code", i64::from(response.status).into()));
    let texts = [
        ("reveille.wns.status", response.notification_status.clone()),
        ("reveille.wns.connection_status", response.connection.map(|status| status.to_string())),
        ("reveille.wns.message_id", response.message_id.clone()),
        ("reveille.wns.debug_trace", response.debug_trace.clone()),
        ("reveille.wns.ms_cv", response.ms_cv.clone()),
    ];
    attributes.extend(texts.into_iter().filter_map(|(key, text)| Some((key, text?.into()))));
    attributes.extend(response.error_description.clone().map(described));
    attributes
}

fn described(words: String) -> Attribute {
    ("reveille.wns.error_description", words.into())
}
