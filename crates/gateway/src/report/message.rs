//! The spans of one message: an HTTP server span in its session's trace (OpenTelemetry's conventions), and below it what was
//! done meanwhile. Of commands there are their nodes and their Statuses, never a value.

use model::{Timestamp, TraceContext};
use store::{RecordedOutcome, SessionCommit, SessionCommitted};
use telemetry::{Attribute, Committed, FinishedSpan, SpanEvent, SpanKind, Value, emit_span, new_context};

use crate::{Inner, exchange::Arrival};

/// When a message and its answer were how far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stages {
    /// Everything that is known of the device was read.
    pub(crate) loaded: Timestamp,
    /// The answer was ready.
    pub(crate) decided: Timestamp,
    /// What it promises was stored.
    pub(crate) committed: Timestamp,
    /// How long it is, in bytes.
    pub(crate) reply: usize,
}

impl Inner {
    /// Exports the spans of a message that was answered and committed.
    pub(super) fn trace(
        &self,
        arrival: &Arrival<'_>,
        commit: &SessionCommit,
        committed: &SessionCommitted,
        stages: &Stages,
    ) {
        if !committed.trace.sampled() {
            return;
        }
        let context = new_context(Some(committed.trace));
        step("parse", context, arrival.read_at, arrival.at);
        step("decide", context, stages.loaded, stages.decided);
        let (system, start, end) = (self.store.system(), stages.decided, stages.committed);
        Committed { parent: context, system, start, end }.report();
        emit_span(FinishedSpan {
            name: "message",
            context,
            parent: Some(committed.trace.span_id),
            kind: SpanKind::Server,
            start: arrival.begun_at,
            end: stages.committed,
            attributes: self.http(arrival, stages).into_iter().chain(attributes(arrival, commit)).collect(),
            events: commit.outcomes.iter().map(|outcome| answered(outcome, arrival.at)).collect(),
            links: Vec::new(),
            error: None,
        });
    }

    fn http(&self, arrival: &Arrival<'_>, stages: &Stages) -> Vec<Attribute> {
        let settings = &self.settings;
        let mut attributes = vec![
            ("http.request.method", "POST".into()),
            ("http.route", settings.path.clone().into()),
            ("http.response.status_code", 200.into()),
            ("http.request.body.size", size(arrival.bytes.len())),
            ("http.response.body.size", size(stages.reply)),
            ("url.path", settings.path.clone().into()),
            ("url.scheme", if settings.tls.is_some() { "https" } else { "http" }.into()),
        ];
        let address = arrival.sender.address.map(|address| ("client.address", address.to_string().into()));
        attributes.extend(address);
        attributes
    }
}

/// Something that was done for a message.
fn step(name: &'static str, message: TraceContext, start: Timestamp, end: Timestamp) {
    emit_span(FinishedSpan {
        name,
        context: new_context(Some(message)),
        parent: Some(message.span_id),
        kind: SpanKind::Internal,
        start,
        end,
        attributes: Vec::new(),
        events: Vec::new(),
        links: Vec::new(),
        error: None,
    });
}

fn attributes(arrival: &Arrival<'_>, commit: &SessionCommit) -> Vec<Attribute> {
    let Arrival { message, hints, .. } = arrival;
    let told = [
        ("reveille.message.mode", &hints.mode),
        ("reveille.message.ms_cv", &hints.correlation),
        ("reveille.message.client_request_id", &hints.request_id),
    ];
    let told = told.into_iter().filter_map(|(name, text)| Some((name, text.clone()?.into())));
    let known = [
        ("reveille.device", arrival.claimed().to_owned().into()),
        ("reveille.session.id", commit.key.to_string().into()),
        ("reveille.message.id", i64::from(message.header.msg_id).into()),
        ("reveille.message.commands", size(message.commands.len())),
    ];
    known.into_iter().chain(told).collect()
}

/// What the device answered to a command, or to one node of it.
fn answered(outcome: &RecordedOutcome, at: Timestamp) -> SpanEvent {
    let attributes = [
        ("reveille.command", Some(outcome.command.clone().into())),
        ("reveille.command.locuri", outcome.target.clone().map(Value::from)),
        ("reveille.command.status", outcome.status.map(|status| i64::from(status).into())),
        ("reveille.command.original_error", outcome.original_error.clone().map(Value::from)),
    ];
    let attributes = attributes.into_iter().filter_map(|(name, value)| Some((name, value?)));
    SpanEvent { name: "command", at, attributes: attributes.collect() }
}

fn size(count: usize) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}
