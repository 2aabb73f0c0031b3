//! Span ids that are decided before the span exists.
//!
//! The SDK asks for ids while it starts a span, on the same thread, and its builder takes none. So an id is put down
//! for the time of that one call.

use std::cell::Cell;

use model::TraceContext;
use opentelemetry::{
    Context, KeyValue,
    trace::{Link, SpanId, SpanKind, TraceContextExt, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{
    IdGenerator, RandomIdGenerator, Sampler, SamplingDecision, SamplingResult, SdkTracerProvider,
    ShouldSample, TracerProviderBuilder,
};

thread_local! {
    static PRESET: Cell<Option<TraceContext>> = const { Cell::new(None) };
}

/// A provider that records `ratio` of the traces that begin here, and every span that is started with a preset id.
pub(crate) fn provider(ratio: f64) -> TracerProviderBuilder {
    SdkTracerProvider::builder()
        .with_id_generator(PresetOrRandom::default())
        .with_sampler(PresetOr(sampler(ratio)))
}

/// A provider that gives ids to spans and records none.
pub(crate) fn silent_provider() -> TracerProviderBuilder {
    SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff)
}

/// Decides by the parent, and for a root by its trace id.
pub(crate) fn sampler(ratio: f64) -> Sampler {
    Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)))
}

/// Runs `start`; the span that it starts gets the ids of `context` and is recorded.
pub(crate) fn with_preset<T>(context: TraceContext, start: impl FnOnce() -> T) -> T {
    struct Clear;
    impl Drop for Clear {
        fn drop(&mut self) {
            PRESET.set(None);
        }
    }
    PRESET.set(Some(context));
    let _clear = Clear;
    start()
}

#[derive(Debug, Default)]
struct PresetOrRandom(RandomIdGenerator);

impl IdGenerator for PresetOrRandom {
    fn new_trace_id(&self) -> TraceId {
        PRESET.get().map_or_else(|| self.0.new_trace_id(), |preset| TraceId::from_bytes(preset.trace_id))
    }

    fn new_span_id(&self) -> SpanId {
        PRESET.get().map_or_else(|| self.0.new_span_id(), |preset| SpanId::from_bytes(preset.span_id))
    }
}

/// A preset id means that the decision was made when the id was: asking again might turn out otherwise if the ratio
/// was changed in between.
#[derive(Clone, Debug)]
struct PresetOr(Sampler);

impl ShouldSample for PresetOr {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        if PRESET.get().is_none() {
            return self.0.should_sample(parent, trace_id, name, kind, attributes, links);
        }
        let trace_state = parent
            .map_or_else(TraceState::default, |parent| parent.span().span_context().trace_state().clone());
        SamplingResult { decision: SamplingDecision::RecordAndSample, attributes: Vec::new(), trace_state }
    }
}
