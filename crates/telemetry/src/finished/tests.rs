use std::sync::{Arc, Mutex};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Sampler, SdkTracerProvider, SpanExporter},
};
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::{add_link, current_context, export, set_parent};

const WAKE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OTHER: &str = "00-11111111111111111111111111111111-2222222222222222-01";

/// Keeps what is exported.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        self.0.lock().unwrap().extend(batch);
        std::future::ready(Ok(()))
    }
}

impl Kept {
    fn provider(&self, root: Sampler) -> SdkTracerProvider {
        let sampler = Sampler::ParentBased(Box::new(root));
        SdkTracerProvider::builder().with_sampler(sampler).with_simple_exporter(self.clone()).build()
    }

    fn spans(&self) -> Vec<SpanData> {
        self.0.lock().unwrap().clone()
    }
}

fn context(text: &str) -> TraceContext {
    text.parse().unwrap()
}

fn session() -> FinishedSpan {
    FinishedSpan {
        name: "session",
        context: TraceContext { span_id: [7; 8], ..context(WAKE) },
        parent: Some(context(WAKE).span_id),
        kind: SpanKind::Server,
        start: Timestamp::from_micros(1_000_000),
        end: Timestamp::from_micros(2_500_001),
        attributes: vec![
            ("reveille.session.messages", 3.into()),
            ("reveille.session.ending", "completed".into()),
        ],
        events: vec![SpanEvent {
            name: "command",
            at: Timestamp::from_micros(2_000_000),
            attributes: vec![("reveille.command.status", 200.into())],
        }],
        links: vec![context(OTHER)],
        error: None,
    }
}

#[test]
fn a_finished_span_has_its_ids_times_events_and_links() {
    let span = data(session());
    assert_eq!(span.name, "session");
    assert_eq!(span.span_context.trace_id().to_bytes(), context(WAKE).trace_id);
    assert_eq!(span.span_context.span_id().to_bytes(), [7; 8]);
    assert_eq!(span.parent_span_id.to_bytes(), context(WAKE).span_id);
    assert_eq!(span.span_kind, opentelemetry::trace::SpanKind::Server);
    assert_eq!(Timestamp::from(span.start_time), session().start);
    assert_eq!(Timestamp::from(span.end_time), session().end);
    assert_eq!(span.attributes[0], KeyValue::new("reveille.session.messages", 3_i64));
    assert_eq!(span.events[0].attributes, [KeyValue::new("reveille.command.status", 200_i64)]);
    assert_eq!(span.links[0].span_context.trace_id().to_bytes(), context(OTHER).trace_id);
    assert_eq!(span.status, Status::Unset);
}

#[test]
fn a_finished_root_has_no_parent_and_may_have_failed() {
    let span = data(FinishedSpan { parent: None, error: Some("malformed push".to_owned()), ..session() });
    assert_eq!(span.parent_span_id, SpanId::INVALID);
    assert_eq!(span.status, Status::error("malformed push"));
}

#[test]
fn links_and_events_are_bounded_and_the_rest_is_counted() {
    let many = FinishedSpan {
        links: vec![context(OTHER); MOST + 3],
        events: vec![session().events[0].clone(); MOST + 2],
        ..session()
    };
    let span = data(many);
    assert_eq!((span.links.len(), span.links.dropped_count), (MOST, 3));
    assert_eq!((span.events.len(), span.events.dropped_count), (MOST, 2));
}

#[test]
fn nothing_is_emitted_without_a_collector() {
    emit_span(session());
}

#[test]
fn an_open_span_joins_the_callers_trace() {
    let kept = Kept::default();
    let provider = kept.provider(Sampler::AlwaysOff);
    let subscriber = tracing_subscriber::registry().with(export::layer(provider.tracer("test")));
    let inside = tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!(target: "grpc", "message");
        set_parent(&span, &context(WAKE));
        add_link(&span, &context(OTHER));
        span.in_scope(current_context).unwrap()
    });
    let [span] = kept.spans().try_into().unwrap();
    assert_eq!(inside.trace_id, context(WAKE).trace_id);
    assert_eq!(span.span_context.span_id().to_bytes(), inside.span_id);
    assert_eq!(span.parent_span_id.to_bytes(), context(WAKE).span_id);
    assert_eq!(span.links.links[0].span_context.trace_id().to_bytes(), context(OTHER).trace_id);
}

#[test]
fn a_parent_that_comes_late_becomes_a_link() {
    let kept = Kept::default();
    let provider = kept.provider(Sampler::AlwaysOn);
    let subscriber = tracing_subscriber::registry().with(export::layer(provider.tracer("test")));
    tracing::subscriber::with_default(subscriber, || {
        tracing::info_span!(target: "grpc", "message")
            .in_scope(|| set_parent(&tracing::Span::current(), &context(WAKE)));
    });
    let [span] = kept.spans().try_into().unwrap();
    assert_eq!(span.parent_span_id, SpanId::INVALID);
    assert_eq!(span.links.links[0].span_context.trace_id().to_bytes(), context(WAKE).trace_id);
}

#[test]
fn only_our_own_crates_make_spans() {
    let kept = Kept::default();
    let provider = kept.provider(Sampler::AlwaysOn);
    let subscriber = tracing_subscriber::registry().with(export::layer(provider.tracer("test")));
    tracing::subscriber::with_default(subscriber, || {
        for span in [
            tracing::info_span!(target: "h2::client", "frame"),
            tracing::info_span!(target: "opentelemetry_sdk", "export"),
            tracing::debug_span!(target: "gateway::http", "detail"),
            tracing::info_span!(target: "gateway::http", "message"),
        ] {
            span.in_scope(|| ());
        }
    });
    let [span] = kept.spans().try_into().unwrap();
    assert_eq!(span.name, "message");
}
