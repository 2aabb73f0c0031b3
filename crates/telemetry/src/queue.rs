//! Spans on their way to the collector: a bounded queue and one task that empties it.
//!
//! A collector that is slow or away costs nothing but spans: what finds no room, and what is not taken, is dropped and
//! counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use opentelemetry::Context;
use opentelemetry_sdk::{
    error::{OTelSdkError, OTelSdkResult},
    trace::{Span, SpanData, SpanExporter, SpanProcessor},
};
use tokio::{
    sync::{Notify, mpsc, watch},
    time::{self, Instant},
};

/// Trouble with the collector is logged this often.
const TELL: Duration = Duration::from_mins(1);

/// How much waits, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Spans that wait; more are dropped.
    pub(crate) waiting: usize,
    /// Spans that are exported together.
    pub(crate) batch: usize,
    /// How long a span waits for others, at most.
    pub(crate) delay: Duration,
    /// How long one export may take, with all of its retries.
    pub(crate) export: Duration,
}

impl Default for Limits {
    /// A span is about a kilobyte: some eight megabytes in all.
    fn default() -> Self {
        Self { waiting: 8_192, batch: 512, delay: Duration::from_secs(1), export: Duration::from_secs(30) }
    }
}

/// The way into the queue.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    spans: mpsc::Sender<SpanData>,
    limits: Limits,
    shared: Arc<Shared>,
    /// True once the task has ended.
    ended: watch::Receiver<bool>,
}

/// What both ends of the queue know.
#[derive(Debug, Default)]
struct Shared {
    /// Enough waits for a batch.
    enough: Notify,
    /// No more spans come.
    stop: Notify,
    dropped: AtomicU64,
}

impl Queue {
    /// Starts the task, on the runtime of the caller.
    pub(crate) fn start<E: SpanExporter + 'static>(exporter: E, limits: Limits) -> Self {
        let (spans, waiting) = mpsc::channel(limits.waiting);
        let shared = Arc::new(Shared::default());
        let (end, ended) = watch::channel(false);
        let task = Task { waiting, exporter, limits, shared: shared.clone(), trouble: Trouble::default() };
        tokio::spawn(async move {
            task.run().await;
            // Whoever waits for the end may be gone.
            let _ = end.send(true);
        });
        Self { spans, limits, shared, ended }
    }

    /// Exports what waits, and ends the task.
    pub(crate) async fn finish(mut self) {
        self.shared.stop.notify_one();
        // An error means that the task is gone, which is an end too.
        let _ = self.ended.wait_for(|ended| *ended).await;
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        match self.spans.try_send(span) {
            Ok(()) if self.spans.max_capacity() - self.spans.capacity() >= self.limits.batch => {
                self.shared.enough.notify_one();
            }
            Ok(()) => {}
            Err(_) => self.shared.drop_spans(1),
        }
    }

    /// Nothing waits long, and nobody needs it sooner.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    /// Does not wait: [`Queue::finish`] does.
    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        self.shared.stop.notify_one();
        Ok(())
    }
}

impl Shared {
    fn drop_spans(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
        crate::metrics().spans_dropped(count);
    }
}

/// The other end of the queue.
struct Task<E> {
    waiting: mpsc::Receiver<SpanData>,
    exporter: E,
    limits: Limits,
    shared: Arc<Shared>,
    trouble: Trouble,
}

impl<E: SpanExporter> Task<E> {
    async fn run(mut self) {
        let shared = self.shared.clone();
        loop {
            tokio::select! {
                () = time::sleep(self.limits.delay) => {}
                () = shared.enough.notified() => {}
                () = shared.stop.notified() => self.waiting.close(),
            }
            while !self.waiting.is_empty() {
                self.export_some().await;
            }
            if self.waiting.is_closed() {
                return;
            }
        }
    }

    async fn export_some(&mut self) {
        let mut batch = Vec::with_capacity(self.limits.batch.min(self.waiting.len()));
        let count = self.waiting.recv_many(&mut batch, self.limits.batch).await;
        let exported = time::timeout(self.limits.export, self.exporter.export(batch)).await;
        match exported.unwrap_or(Err(OTelSdkError::Timeout(self.limits.export))) {
            Ok(()) => self.trouble.over(),
            Err(error) => {
                self.shared.drop_spans(count as u64);
                self.trouble.again(&error, self.shared.dropped.load(Ordering::Relaxed));
            }
        }
    }
}

/// When operators were told last that the collector takes no spans; none while it does.
#[derive(Debug, Default)]
struct Trouble(Option<Instant>);

impl Trouble {
    fn again(&mut self, error: &OTelSdkError, dropped: u64) {
        if self.0.is_none_or(|told| told.elapsed() >= TELL) {
            self.0 = Some(Instant::now());
            tracing::warn!(%error, dropped, "the collector does not take spans: they are dropped");
        }
    }

    fn over(&mut self) {
        if self.0.take().is_some() {
            tracing::info!("the collector takes spans again");
        }
    }
}

#[cfg(test)]
mod tests;
