//! The spans of pushes, by OpenTelemetry's conventions for HTTP clients. A push is in the trace of the oldest wake that it
//! serves, and is linked to the others.

use model::{DeviceName, PushId, Timestamp, TraceContext};
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
    let wakes: Vec<_> = push.wakes.iter().map(|wake| wake.trace).collect();
    emit_span(FinishedSpan {
        attributes: attributes(push, result, verdict, error),
        error: error.map(str::to_owned),
        ..span((push.trace, push.parent), (started, result.now), &wakes)
    });
}

/// A push whose process never told what became of it.
pub(crate) fn lost(lost: &LostPush) {
    let push = &lost.push;
    let Some(contexts) = push.trace.zip(push.parent).filter(|(trace, _)| trace.sampled()) else { return };
    let verdict = push.verdict.clone().unwrap_or_default();
    let names = (push.id, push.push_app.as_str(), &lost.device_name);
    let mut attributes = common(names, (push.attempt, push.generation), &verdict);
    attributes.push(("error.type", verdict.clone().into()));
    let times = (push.claimed_at, push.finished_at.unwrap_or(push.claimed_at));
    emit_span(FinishedSpan { attributes, error: Some(verdict), ..span(contexts, times, &lost.wakes) });
}

/// The span of a push that serves these wakes, of which the oldest is the parent: what it is called, where it belongs, and how
/// long it took.
fn span(
    (context, parent): (TraceContext, TraceContext),
    (start, end): (Timestamp, Timestamp),
    wakes: &[TraceContext],
) -> FinishedSpan {
    FinishedSpan {
        name: "push",
        context,
        parent: Some(parent.span_id),
        kind: SpanKind::Client,
        start,
        end,
        attributes: Vec::new(),
        events: Vec::new(),
        links: wakes.iter().copied().filter(|wake| *wake != parent).collect(),
        error: None,
    }
}

/// What is said of every push.
fn common(
    (id, app, device): (PushId, &str, &DeviceName),
    (attempt, generation): (u8, u32),
    verdict: &str,
) -> Vec<Attribute> {
    vec![
        ("reveille.push.id", id.to_string().into()),
        ("reveille.push_app", app.to_owned().into()),
        ("reveille.device", device.to_string().into()),
        ("reveille.push.attempt", i64::from(attempt).into()),
        ("reveille.push.generation", i64::from(generation).into()),
        ("reveille.push.verdict", verdict.to_owned().into()),
    ]
}

fn attributes(
    push: &ClaimedPush,
    result: &PushResult,
    verdict: &'static str,
    error: Option<&'static str>,
) -> Vec<Attribute> {
    let names = (push.id, result.app.as_str(), &push.device_name);
    let mut attributes = common(names, (push.attempt, push.generation), verdict);
    attributes.push(("http.request.method", "POST".into()));
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
