//! The two lives that outlast a request: a wake, from being asked for to its end, and a session, from its first message
//! to its last. When one is over it gets its span and its one log line, wherever in the service it ended.

use model::{DeviceName, SessionKey, Timestamp, TraceContext};
use push::{End, EndReason, Outcome, Wake};

use crate::{FinishedSpan, SpanKind, Value, context::within, emit_span, metrics};

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
    /// The span that it was asked for in: its parent, or a link if that is in another trace.
    pub parent: Option<TraceContext>,
    /// The span of the session that answered it, if that is a child of another wake.
    pub link: Option<TraceContext>,
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
    /// The spans of the other wakes that it answered.
    pub links: &'a [TraceContext],
}

impl EndedWake<'_> {
    /// Logs it, and exports its span.
    pub fn report(&self) {
        let Some(End { at, outcome }) = self.wake.end() else { return };
        metrics().wake_ended(outcome, at.since(self.wake.asked_at()));
        metrics().canary_ended(self.caller, outcome, self.wake.asked_at(), at);
        let answer = outcome.answer();
        let reason = outcome.reason().map(EndReason::name);
        let session = answer.map(|answer| answer.session.to_string());
        let attribution = answer.map(|answer| answer.attribution.name());
        within(self.context, || {
            tracing::info!(
                wake = %self.wake.id(),
                device = %self.device,
                caller = self.caller,
                outcome = outcome.name(),
                reason,
                session,
                attribution,
                millis = at.since(self.wake.asked_at()).as_millis(),
                "wake ended",
            );
        });
        if !self.context.sampled() {
            return;
        }
        let known = [
            ("reveille.wake.id", self.wake.id().to_string().into()),
            ("reveille.device", self.device.to_string().into()),
            ("reveille.caller", self.caller.to_owned().into()),
            ("reveille.wake.outcome", outcome.name().into()),
        ];
        let more = [
            ("reveille.wake.reason", reason.map(Value::from)),
            ("reveille.session.id", session.map(Value::from)),
            ("reveille.wake.attribution", attribution.map(Value::from)),
            ("reveille.push.id", answer.and_then(|answer| answer.push).map(|id| id.to_string().into())),
        ];
        let more = more.into_iter().filter_map(|(key, value)| Some((key, value?)));
        let failed = matches!(outcome, Outcome::Failed(_));
        let (parent, asked_in) = match self.parent {
            Some(call) if call.trace_id == self.context.trace_id => (Some(call.span_id), None),
            other => (None, other),
        };
        emit_span(FinishedSpan {
            name: "wake",
            context: self.context,
            parent,
            kind: SpanKind::Internal,
            start: self.wake.asked_at(),
            end: at,
            attributes: known.into_iter().chain(more).collect(),
            events: Vec::new(),
            links: asked_in.into_iter().chain(self.link).collect(),
            error: reason.filter(|_| failed).map(str::to_owned),
        });
    }
}

impl EndedSession<'_> {
    /// Logs it, and exports its span.
    pub fn report(&self) {
        metrics().session_ended(self.ending);
        let millis = self.ended_at.since(self.started_at).as_millis();
        within(self.context, || {
            tracing::info!(
                session = %self.key,
                device = self.device,
                session_id = self.session_id,
                ending = self.ending,
                messages = self.messages,
                millis,
                "session ended",
            );
        });
        if !self.context.sampled() {
            return;
        }
        emit_span(FinishedSpan {
            name: "session",
            context: self.context,
            parent: self.parent.map(|parent| parent.span_id),
            kind: SpanKind::Internal,
            start: self.started_at,
            end: self.ended_at,
            attributes: vec![
                ("reveille.session.id", self.key.to_string().into()),
                ("reveille.device", self.device.to_owned().into()),
                ("reveille.session.syncml_id", self.session_id.to_owned().into()),
                ("reveille.session.ending", self.ending.to_owned().into()),
                ("reveille.session.messages", i64::from(self.messages).into()),
            ],
            events: Vec::new(),
            links: self.links.to_vec(),
            error: None,
        });
    }
}
