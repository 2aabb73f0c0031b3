//! Spans that are built once, after their end.

use std::{
    borrow::Cow,
    sync::{LazyLock, OnceLock},
    time::SystemTime,
};

use model::{Timestamp, TraceContext};
use opentelemetry::{
    Array, InstrumentationScope, KeyValue, StringValue,
    trace::{Event, Link, SpanId, Status},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks, SpanProcessor};

use crate::{context::to_span_context, export::SCOPE, queue::Queue};

/// Links of one span, at most, and events (OpenTelemetry's own default).
const MOST: usize = 128;

/// Where finished spans go. Not set while nothing is exported.
static WAY_OUT: OnceLock<Queue> = OnceLock::new();

/// A span that is over.
#[derive(Clone, Debug)]
pub struct FinishedSpan {
    /// What it is called, for instance `wake`.
    pub name: &'static str,
    /// Its own ids, and whether it is recorded: as [`new_context`](crate::new_context) made them when it began.
    pub context: TraceContext,
    /// Id of its parent in the same trace.
    pub parent: Option<[u8; 8]>,
    /// Its part in the exchange.
    pub kind: SpanKind,
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// What there is to say about it. Keys follow the semantic conventions; our own begin with `reveille.`.
    pub attributes: Vec<Attribute>,
    /// What happened meanwhile, in order; the first ones, if there are many.
    pub events: Vec<SpanEvent>,
    /// Spans of any trace that it also belongs to; the first ones, if there are many.
    pub links: Vec<TraceContext>,
    /// What went wrong, if it failed.
    pub error: Option<String>,
}

/// Something that is said of a span or an event.
pub type Attribute = (&'static str, Value);

/// Something that happened during a span.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanEvent {
    /// What it is called.
    pub name: &'static str,
    /// When it happened.
    pub at: Timestamp,
    /// What there is to say about it.
    pub attributes: Vec<Attribute>,
}

/// A span's part in an exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpanKind {
    /// Work within the service.
    #[default]
    Internal,
    /// It answers a request of somebody else.
    Server,
    /// It asks somebody else.
    Client,
}

/// Value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// A text.
    Text(Cow<'static, str>),
    /// Several texts.
    Texts(Vec<String>),
}

/// Exports a span that is over. Does nothing if its trace is not recorded, or if there is no collector.
pub fn emit_span(span: FinishedSpan) {
    if let Some(queue) = WAY_OUT.get().filter(|_| span.context.sampled()) {
        queue.on_end(data(span));
    }
}

/// From now on finished spans go there.
pub(crate) fn export_to(queue: Queue) {
    // Telemetry starts once in a process, so this is the first time.
    let _ = WAY_OUT.set(queue);
}

/// The span as the exporter takes it. The SDK's own builder would draw other ids and decide once more whether it is
/// recorded.
fn data(span: FinishedSpan) -> SpanData {
    static SCOPE_OF_ALL: LazyLock<InstrumentationScope> =
        LazyLock::new(|| InstrumentationScope::builder(SCOPE).build());
    let too_many = |count: usize| u32::try_from(count.saturating_sub(MOST)).unwrap_or(u32::MAX);
    let mut links = SpanLinks::default();
    links.dropped_count = too_many(span.links.len());
    links.links = span.links.into_iter().take(MOST).map(link).collect();
    let mut events = SpanEvents::default();
    events.dropped_count = too_many(span.events.len());
    events.events = span.events.into_iter().take(MOST).map(event).collect();
    SpanData {
        span_context: to_span_context(span.context),
        parent_span_id: span.parent.map_or(SpanId::INVALID, SpanId::from_bytes),
        parent_span_is_remote: false,
        span_kind: span.kind.into(),
        name: Cow::Borrowed(span.name),
        start_time: SystemTime::from(span.start),
        end_time: SystemTime::from(span.end),
        attributes: key_values(span.attributes),
        dropped_attributes_count: 0,
        events,
        links,
        status: span.error.map_or(Status::Unset, Status::error),
        instrumentation_scope: SCOPE_OF_ALL.clone(),
    }
}

fn link(other: TraceContext) -> Link {
    Link::new(to_span_context(other), Vec::new(), 0)
}

fn event(event: SpanEvent) -> Event {
    Event::new(event.name, event.at.into(), key_values(event.attributes), 0)
}

fn key_values(attributes: Vec<Attribute>) -> Vec<KeyValue> {
    attributes.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect()
}

impl From<SpanKind> for opentelemetry::trace::SpanKind {
    fn from(kind: SpanKind) -> Self {
        match kind {
            SpanKind::Internal => Self::Internal,
            SpanKind::Server => Self::Server,
            SpanKind::Client => Self::Client,
        }
    }
}

impl From<Value> for opentelemetry::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Bool(value) => value.into(),
            Value::Int(value) => value.into(),
            Value::Float(value) => value.into(),
            Value::Text(value) => value.into(),
            Value::Texts(values) => {
                Self::Array(Array::String(values.into_iter().map(StringValue::from).collect()))
            }
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&'static str> for Value {
    fn from(value: &'static str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}

impl From<Vec<String>> for Value {
    fn from(values: Vec<String>) -> Self {
        Self::Texts(values)
    }
}

#[cfg(test)]
mod tests;
