//! The two lives that outlast a request: a wake, from being asked for to its end, and a session, from its first message
//! to its last. When one is over it gets its span and its one log line, wherever in the service it ended.

use model::{DeviceName, SessionKey, Timestamp, TraceContext};
use push::{End, EndReason, Outcome, Wake};

use crate::{FinishedSpan, SpanKind, Value, emit_span};

/// A wake that is over.
#[derive(Clone, Debug)]
pub struct EndedWake<'a> {
    /// The wake. One that is not over is not reported.
    pub wake: &'a Wake,
    /// Its device.
    pub device: &'a DeviceName,
    /// Who asked for it.
    pub caller: &'a str,
    /// Its span.
    pub context: TraceContext,
    /// The span that it was asked for in.
    pub parent: Option<TraceContext>,
}

/// A session that is over.
#[derive(Clone, Debug)]
pub struct EndedSession<'a> {
    /// Its key.
    pub key: SessionKey,
    /// Its device.
    pub device: &'a str,
    /// The protocol's `SessionID`.
    pub session_id: &'a str,
    /// How it ended.
    pub ending: &'a str,
    /// How many messages the device sent.
    pub messages: u32,
    /// When its first message was committed.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Its span.
    pub context: TraceContext,
    /// The span of the oldest wake that it answered.
    pub parent: Option<TraceContext>,
}

impl EndedWake<'_> {
    /// Logs it, and exports its span.
    pub fn report(&self) {
        let Some(End { at, outcome }) = self.wake.end() else { return };
        let reason = outcome.reason().map(EndReason::name);
        let session = outcome.answer().map(|answer| answer.session.to_string());
        let attribution = outcome.answer().map(|answer| answer.attribution.name());
        tracing::info!(
            wake = %self.wake.id(),
            device = %self.device,
            caller = self.caller,
            outcome = outcome.name(),
            reason,
            session,
            attribution,
            millis = at.since(self.wake.asked_at()).as_millis(),
            trace_id = self.context.trace_id_hex(),
            "wake ended",
        );
        let texts = [
            ("reveille.wake.id", Some(self.wake.id().to_string())),
            ("reveille.device", Some(self.device.to_string())),
            ("reveille.caller", Some(self.caller.to_owned())),
            ("reveille.wake.outcome", Some(outcome.name().to_owned())),
            ("reveille.wake.reason", reason.map(str::to_owned)),
            ("reveille.session.id", session),
            ("reveille.wake.attribution", attribution.map(str::to_owned)),
        ];
        let failed = matches!(outcome, Outcome::Failed(_));
        emit_span(FinishedSpan {
            name: "wake",
            context: self.context,
            parent: self.parent.map(|parent| parent.span_id),
            kind: SpanKind::Internal,
            start: self.wake.asked_at(),
            end: at,
            attributes: texts.into_iter().filter_map(|(key, text)| Some((key, Value::Text(text?)))).collect(),
            links: Vec::new(),
            error: reason.filter(|_| failed).map(str::to_owned),
        });
    }
}

impl EndedSession<'_> {
    /// Logs it, and exports its span.
    pub fn report(&self) {
        let millis = self.ended_at.since(self.started_at).as_millis();
        tracing::info!(
            session = %self.key,
            device = self.device,
            session_id = self.session_id,
            ending = self.ending,
            messages = self.messages,
            millis,
            trace_id = self.context.trace_id_hex(),
            "session ended",
        );
        emit_span(FinishedSpan {
            name: "session",
            context: self.context,
            parent: self.parent.map(|parent| parent.span_id),
            kind: SpanKind::Internal,
            start: self.started_at,
            end: self.ended_at,
            attributes: vec![
                ("reveille.session.id", Value::Text(self.key.to_string())),
                ("reveille.device", Value::Text(self.device.to_owned())),
                ("reveille.session.syncml_id", Value::Text(self.session_id.to_owned())),
                ("reveille.session.ending", Value::Text(self.ending.to_owned())),
                ("reveille.session.messages", Value::Int(self.messages.into())),
            ],
            links: Vec::new(),
            error: None,
        });
    }
}
