//! What was asked of the database, as spans (OpenTelemetry's conventions for databases).

use model::{Timestamp, TraceContext};

use crate::{FinishedSpan, SpanKind, emit_span, new_context};

/// The time that a change took until it was durable: its wait for its turn, and the transaction that it shared with
/// others.
#[derive(Clone, Copy, Debug)]
pub struct Committed {
    /// The span that waited for it.
    pub parent: TraceContext,
    /// The engine: `db.system.name`.
    pub system: &'static str,
    /// When it was handed over.
    pub start: Timestamp,
    /// When it was durable.
    pub end: Timestamp,
}

impl Committed {
    /// Exports its span.
    pub fn report(self) {
        if !self.parent.sampled() {
            return;
        }
        emit_span(FinishedSpan {
            name: "commit",
            context: new_context(Some(self.parent)),
            parent: Some(self.parent.span_id),
            kind: SpanKind::Client,
            start: self.start,
            end: self.end,
            attributes: vec![("db.system.name", self.system.into()), ("db.operation.name", "COMMIT".into())],
            events: Vec::new(),
            links: Vec::new(),
            error: None,
        });
    }
}
