//! A span as a receiver has it.

use std::fmt::Write;

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::Span,
};

/// A span, and what its process says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) span: Span,
    pub(crate) resource: Vec<KeyValue>,
}

impl Seen {
    pub(crate) fn trace_id(&self) -> String {
        hex(&self.span.trace_id)
    }

    /// The context that a link to it holds.
    pub(crate) fn context(&self) -> (String, String) {
        (self.trace_id(), hex(&self.span.span_id))
    }

    /// The contexts that it is linked to.
    pub(crate) fn links(&self) -> Vec<(String, String)> {
        self.span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect()
    }

    /// An attribute as text; empty if there is none.
    pub(crate) fn says(&self, key: &str) -> String {
        said(&self.span.attributes, key)
    }

    /// What its process says of itself.
    pub(crate) fn process_says(&self, key: &str) -> String {
        said(&self.resource, key)
    }

    /// The attributes of these keys, by which a test tells what it expects.
    pub(crate) fn of<const N: usize>(&self, keys: [&str; N]) -> [String; N] {
        keys.map(|key| self.says(key))
    }

    /// What is said of its commands: node and Status.
    pub(crate) fn commands(&self) -> Vec<(String, String)> {
        let of_event = |attributes: &[KeyValue]| {
            (said(attributes, "reveille.command.locuri"), said(attributes, "reveille.command.status"))
        };
        self.span.events.iter().map(|event| of_event(&event.attributes)).collect()
    }
}

fn said(attributes: &[KeyValue], key: &str) -> String {
    let value = attributes.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.as_ref());
    value.map(text).unwrap_or_default()
}

fn text(value: &AnyValue) -> String {
    match &value.value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(value)) => value.to_string(),
        other => format!("{other:?}"),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
