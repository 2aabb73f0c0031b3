//! Spans that are built once, after their end.

use std::time::SystemTime;

use model::{Timestamp, TraceContext};
use opentelemetry::{
    Array, Context, KeyValue, StringValue, global,
    trace::{Link, Span, SpanBuilder, Status, TraceContextExt, Tracer},
};

use crate::{context::to_span_context, export::SCOPE, ids};

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
    pub attributes: Vec<(&'static str, Value)>,
    /// Spans of any trace that it also belongs to.
    pub links: Vec<TraceContext>,
    /// What went wrong, if it failed.
    pub error: Option<String>,
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
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
}

/// Exports a span that is over. Does nothing if its trace is not recorded, or if there is no collector.
pub fn emit_span(span: FinishedSpan) {
    if span.context.sampled() {
        emit_to(&global::tracer(SCOPE), span);
    }
}

fn emit_to<T: Tracer>(tracer: &T, span: FinishedSpan) {
    let parent = span.parent.map_or_else(Context::new, |span_id| {
        Context::new().with_remote_span_context(to_span_context(TraceContext { span_id, ..span.context }))
    });
    let links = span.links.iter().map(|link| Link::new(to_span_context(*link), Vec::new(), 0));
    let attributes = span.attributes.into_iter().map(|(key, value)| KeyValue::new(key, value));
    let builder = SpanBuilder::from_name(span.name)
        .with_kind(span.kind.into())
        .with_start_time(SystemTime::from(span.start))
        .with_attributes(attributes)
        .with_links(links.collect());
    let mut started = ids::with_preset(span.context, || tracer.build_with_context(builder, &parent));
    if let Some(error) = span.error {
        started.set_status(Status::error(error));
    }
    started.end_with_timestamp(span.end.into());
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

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<String>> for Value {
    fn from(values: Vec<String>) -> Self {
        Self::Texts(values)
    }
}

#[cfg(test)]
mod tests;
