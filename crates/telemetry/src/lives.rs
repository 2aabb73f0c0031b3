//! The two lives that outlast a request: a wake, from being asked for to its end, and a session, from its first message
//! to its last. When one is over it gets its span and its one log line, wherever in the service it ended.

use model::{DeviceName, SessionKey, Timestamp, TraceContext, WakeId};

use crate::{FinishedSpan, SpanKind, Value, emit_span};

/// A wake that is over.
#[derive(Clone, Debug)]
pub struct EndedWake<'a> {
    /// Its id.
    pub id: WakeId,
    /// Its device.
    pub device: &'a DeviceName,
    /// Who asked for it.
    pub caller: &'a str,
    /// `answered`, `unanswered`, `cancelled` or `failed`.
    pub outcome: &'static str,
    /// Why it ended without an answer.
    pub reason: Option<&'static str>,
    /// The session that answered it, and whether a push brought it.
    pub answer: Option<(SessionKey, &'static str)>,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
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
        let millis = self.ended_at.since(self.asked_at).as_millis();
        let session = self.answer.map(|(session, _)| session.to_string());
        tracing::info!(
            wake = %self.id,
            device = %self.device,
            caller = self.caller,
            outcome = self.outcome,
            reason = self.reason,
            session,
            attribution = self.answer.map(|(_, attribution)| attribution),
            millis,
            trace_id = self.context.trace_id_hex(),
            "wake ended",
        );
        let mut attributes = vec![
            ("reveille.wake.id", Value::Text(self.id.to_string())),
            ("reveille.device", Value::Text(self.device.to_string())),
            ("reveille.caller", Value::Text(self.caller.to_owned())),
            ("reveille.wake.outcome", Value::Text(self.outcome.to_owned())),
        ];
        let texts = [
            ("reveille.wake.reason", self.reason.map(str::to_owned)),
            ("reveille.session.id", session),
            ("reveille.wake.attribution", self.answer.map(|(_, attribution)| attribution.to_owned())),
        ];
        attributes.extend(texts.into_iter().filter_map(|(key, text)| Some((key, Value::Text(text?)))));
        emit_span(FinishedSpan {
            name: "wake",
            context: self.context,
            parent: self.parent.map(|parent| parent.span_id),
            kind: SpanKind::Internal,
            start: self.asked_at,
            end: self.ended_at,
            attributes,
            links: Vec::new(),
            error: (self.outcome == "failed").then(|| self.reason.unwrap_or("failed").to_owned()),
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
