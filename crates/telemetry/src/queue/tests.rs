use std::{
    borrow::Cow,
    sync::{Mutex, atomic::AtomicBool},
    time::SystemTime,
};

use opentelemetry::{
    InstrumentationScope,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};

use super::*;

/// A collector that can be held up, or away.
#[derive(Clone, Debug, Default)]
struct Collector(Arc<Inside>);

#[derive(Debug, Default)]
struct Inside {
    is_away: AtomicBool,
    batches: Mutex<Vec<usize>>,
    asked: Notify,
    release: Notify,
    is_held: AtomicBool,
}

impl SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.asked.notify_one();
        if self.0.is_held.load(Ordering::Relaxed) {
            self.0.release.notified().await;
        }
        if self.0.is_away.load(Ordering::Relaxed) {
            return Err(OTelSdkError::InternalFailure("away".to_owned()));
        }
        self.0.batches.lock().unwrap().push(batch.len());
        Ok(())
    }
}

fn span(flags: TraceFlags) -> SpanData {
    let context = SpanContext::new(
        TraceId::from_bytes([1; 16]),
        SpanId::from_bytes([2; 8]),
        flags,
        false,
        TraceState::NONE,
    );
    SpanData {
        span_context: context,
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: Cow::Borrowed("wake"),
        start_time: SystemTime::UNIX_EPOCH,
        end_time: SystemTime::UNIX_EPOCH,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

const LIMITS: Limits =
    Limits { waiting: 8, batch: 4, delay: Duration::from_millis(20), export: Duration::from_secs(30) };

fn dropped(queue: &Queue) -> u64 {
    queue.shared.dropped.load(Ordering::Relaxed)
}

#[tokio::test]
async fn spans_go_in_batches_and_the_rest_at_the_end() {
    let collector = Collector::default();
    let queue = Queue::start(collector.clone(), LIMITS);
    for _ in 0..6 {
        queue.on_end(span(TraceFlags::SAMPLED));
    }
    queue.on_end(span(TraceFlags::NOT_SAMPLED));
    queue.clone().finish().await;
    assert_eq!(*collector.0.batches.lock().unwrap(), [4, 2], "what is not sampled is not exported");
    queue.on_end(span(TraceFlags::SAMPLED));
    assert_eq!(dropped(&queue), 1, "after the end nothing is exported any more");
}

#[tokio::test]
async fn a_span_that_is_alone_does_not_wait_for_others() {
    let collector = Collector::default();
    let queue = Queue::start(collector.clone(), LIMITS);
    queue.on_end(span(TraceFlags::SAMPLED));
    let asked = time::timeout(500 * LIMITS.delay, collector.0.asked.notified()).await;
    assert!(asked.is_ok(), "it is exported before the end");
}

#[tokio::test]
async fn what_a_collector_that_is_away_does_not_take_is_counted() {
    let collector = Collector::default();
    collector.0.is_away.store(true, Ordering::Relaxed);
    let queue = Queue::start(collector.clone(), LIMITS);
    for _ in 0..3 {
        queue.on_end(span(TraceFlags::SAMPLED));
    }
    queue.clone().finish().await;
    assert_eq!(dropped(&queue), 3);
    assert!(collector.0.batches.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_collector_that_does_not_answer_holds_nobody_up_and_no_memory() {
    let collector = Collector::default();
    collector.0.is_held.store(true, Ordering::Relaxed);
    let queue = Queue::start(collector.clone(), LIMITS);
    for _ in 0..LIMITS.batch {
        queue.on_end(span(TraceFlags::SAMPLED));
    }
    collector.0.asked.notified().await;
    for _ in 0..20 {
        queue.on_end(span(TraceFlags::SAMPLED));
    }
    assert_eq!(dropped(&queue), 20 - LIMITS.waiting as u64, "as many wait as there is room for");
    collector.0.is_held.store(false, Ordering::Relaxed);
    collector.0.release.notify_one();
    queue.finish().await;
    assert_eq!(*collector.0.batches.lock().unwrap(), [4, 4, 4]);
}
