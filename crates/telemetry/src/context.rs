//! Trace contexts: of spans that are open, of callers, and of spans that are built after their end.

use std::sync::OnceLock;

use http::HeaderMap;
use model::TraceContext;
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, Sampler, SamplingDecision, ShouldSample};
use tracing::Span;
use tracing_opentelemetry::{OpenTelemetrySpanExt, SetParentError};

/// Decides which new traces are recorded. Not set while nothing is exported: then none is.
static ROOTS: OnceLock<Sampler> = OnceLock::new();

/// The context of the span that is being executed. `None` outside of spans, and where telemetry was not started.
pub fn current_context() -> Option<TraceContext> {
    from_span_context(Span::current().context().span().span_context())
}

/// Makes `span` a child of `parent`. Call it before the span is entered or asked for its context: a span that has
/// begun keeps its parent and is linked to this one instead.
pub fn set_parent(span: &Span, parent: &TraceContext) {
    let context = Context::new().with_remote_span_context(to_span_context(*parent));
    if let Err(SetParentError::AlreadyStarted) = span.set_parent(context) {
        add_link(span, parent);
    }
}

/// Links `span` to another one, of any trace.
pub fn add_link(span: &Span, other: &TraceContext) {
    span.add_link(to_span_context(*other));
}

/// The context that a caller sent along (W3C `traceparent`). `None` if it sent none, several, or something else.
pub fn from_headers(headers: &HeaderMap) -> Option<TraceContext> {
    let mut values = headers.get_all("traceparent").iter();
    let value = values.next()?;
    match values.next() {
        None => value.to_str().ok()?.parse().ok(),
        Some(_) => None,
    }
}

/// A context for a span that begins now and is built after its end by [`emit_span`](crate::emit_span): in the
/// parent's trace and with its decision, or a new trace if there is no parent.
///
/// Works without a collector too: then the trace has an id and is not recorded.
pub fn new_context(parent: Option<TraceContext>) -> TraceContext {
    let random = RandomIdGenerator::default();
    let span_id = random.new_span_id().to_bytes();
    parent.map_or_else(
        || {
            let trace_id = random.new_trace_id();
            TraceContext { trace_id: trace_id.to_bytes(), span_id, flags: root_flags(trace_id).to_u8() }
        },
        |parent| TraceContext { span_id, ..parent },
    )
}

/// A context for a span that begins now in a new trace, because of `other`, which it is to be linked with: recorded if that
/// is.
pub fn linked_context(other: Option<TraceContext>) -> TraceContext {
    let root = new_context(None);
    TraceContext { flags: other.map_or(root.flags, |other| other.flags), ..root }
}

/// From now on `sampler` decides which new traces are recorded.
pub(crate) fn decide_roots(sampler: Sampler) {
    // Telemetry starts once in a process, so this is the first time.
    let _ = ROOTS.set(sampler);
}

/// Runs `tell` as part of a span that is built after its end: its log lines carry the span's ids.
pub fn within(context: TraceContext, tell: impl FnOnce()) {
    let _entered = Context::new().with_remote_span_context(to_span_context(context)).attach();
    tell();
}

pub(crate) fn to_span_context(context: TraceContext) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(context.trace_id),
        SpanId::from_bytes(context.span_id),
        TraceFlags::new(context.flags),
        true,
        TraceState::NONE,
    )
}

pub(crate) fn from_span_context(context: &SpanContext) -> Option<TraceContext> {
    context.is_valid().then(|| TraceContext {
        trace_id: context.trace_id().to_bytes(),
        span_id: context.span_id().to_bytes(),
        flags: context.trace_flags().to_u8(),
    })
}

fn root_flags(trace_id: TraceId) -> TraceFlags {
    let Some(sampler) = ROOTS.get() else {
        return TraceFlags::NOT_SAMPLED;
    };
    let result = sampler.should_sample(None, trace_id, "", &SpanKind::Internal, &[], &[]);
    TraceFlags::default().with_sampled(result.decision == SamplingDecision::RecordAndSample)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn reads_the_callers_context() {
        let check = |values: &[&str], expect: Option<&str>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("traceparent", value.parse().unwrap());
            }
            assert_eq!(from_headers(&headers).map(|c| c.to_string()).as_deref(), expect, "{values:?}");
        };
        check(&[PARENT], Some(PARENT));
        check(&[], None);
        check(&["nonsense"], None);
        check(&[PARENT, PARENT], None);
    }

    #[test]
    fn a_child_stays_in_the_trace() {
        let parent: TraceContext = PARENT.parse().unwrap();
        let child = new_context(Some(parent));
        assert_eq!((child.trace_id, child.flags), (parent.trace_id, parent.flags));
        assert_ne!(child.span_id, parent.span_id);
    }

    #[test]
    fn a_root_is_a_valid_trace_of_its_own() {
        let (one, other) = (new_context(None), new_context(None));
        assert_ne!(one.trace_id, other.trace_id);
        assert_eq!(one.to_string().parse(), Ok(one));
        assert!(!one.sampled(), "nothing is recorded while nothing is exported");
    }

    #[test]
    fn a_linked_trace_is_a_trace_of_its_own_with_the_same_decision() {
        let other: TraceContext = PARENT.parse().unwrap();
        let linked = linked_context(Some(other));
        assert_ne!(linked.trace_id, other.trace_id);
        assert!(linked.sampled());
    }

    #[test]
    fn there_is_no_context_outside_of_spans() {
        assert_eq!(current_context(), None);
    }
}
