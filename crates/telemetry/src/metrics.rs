//! What operators measure, in Prometheus form (DESIGN §9).
//!
//! Metrics belong to the process, as its log does: whoever has something to count says so, and `/metrics` tells it. No
//! label is ever a device, a wake or a caller: their number has no bound.

use std::sync::LazyLock;

use prometheus::{GaugeVec, HistogramVec, IntCounterVec, TextEncoder};

use catalogue::Catalogue;

mod calls;
mod canary;
mod catalogue;
mod devices;
mod fleet;
mod health;
mod pushes;
mod store;
mod wakes;

pub use canary::canary_caller;
pub use catalogue::{Kind, Listed};
pub use devices::Message;
pub use fleet::ChannelsIn;
pub use pushes::{AppState, Pacing, TokenHealth};
pub use store::Batch;

static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// The metrics of this process.
pub fn metrics() -> &'static Metrics {
    &METRICS
}

/// The metrics of a process.
#[derive(Debug)]
pub struct Metrics {
    catalogue: Catalogue,
    wakes_asked: IntCounterVec,
    wakes: IntCounterVec,
    time_to_session: HistogramVec,
    wakes_live: GaugeVec,
    canary_wakes: IntCounterVec,
    canary_time_to_session: HistogramVec,
    canary_answered: GaugeVec,
    canary_interval: GaugeVec,
    pushes: IntCounterVec,
    push_duration: HistogramVec,
    app_state: GaugeVec,
    app_gate: GaugeVec,
    push_limit: GaugeVec,
    push_rate_limit: GaugeVec,
    woken_sessions: GaugeVec,
    pushes_under_way: GaugeVec,
    token_state: GaugeVec,
    token_life: GaugeVec,
    channels: GaugeVec,
    due: GaugeVec,
    due_age: GaugeVec,
    sessions: IntCounterVec,
    message_duration: HistogramVec,
    message_bytes: HistogramVec,
    wrong_credentials: IntCounterVec,
    calls: IntCounterVec,
    call_duration: HistogramVec,
    batch_units: HistogramVec,
    batch_duration: HistogramVec,
    queue_wait: HistogramVec,
    queue_units: GaugeVec,
    check_ok: GaugeVec,
    dispatcher_lag: GaugeVec,
    spans_dropped: IntCounterVec,
}

impl Metrics {
    fn new() -> Self {
        let mut of = Catalogue::default();
        let metrics = Self {
            wakes_asked: of.counters(&wakes::ASKED),
            wakes: of.counters(&wakes::ENDED),
            time_to_session: of.histograms(&wakes::TIME_TO_SESSION, wakes::TIMES),
            wakes_live: of.gauges(&fleet::WAKES_LIVE),
            canary_wakes: of.counters(&canary::WAKES),
            canary_time_to_session: of.histograms(&canary::TIME_TO_SESSION, wakes::TIMES),
            canary_answered: of.gauges(&canary::ANSWERED),
            canary_interval: of.gauges(&canary::INTERVAL),
            pushes: of.counters(&pushes::PUSHES),
            push_duration: of.histograms(&pushes::DURATION, catalogue::SECONDS),
            app_state: of.gauges(&pushes::APP_STATE),
            app_gate: of.gauges(&pushes::APP_GATE),
            push_limit: of.gauges(&pushes::LIMIT),
            push_rate_limit: of.gauges(&pushes::RATE_LIMIT),
            woken_sessions: of.gauges(&pushes::WOKEN_SESSIONS),
            pushes_under_way: of.gauges(&pushes::UNDER_WAY),
            token_state: of.gauges(&pushes::TOKEN_STATE),
            token_life: of.gauges(&pushes::TOKEN_LIFE),
            channels: of.gauges(&fleet::CHANNELS),
            due: of.gauges(&fleet::DUE),
            due_age: of.gauges(&fleet::DUE_AGE),
            sessions: of.counters(&devices::SESSIONS),
            message_duration: of.histograms(&devices::MESSAGE_DURATION, catalogue::SECONDS),
            message_bytes: of.histograms(&devices::MESSAGE_BYTES, devices::SIZES),
            wrong_credentials: of.counters(&devices::WRONG_CREDENTIALS),
            calls: of.counters(&calls::CALLS),
            call_duration: of.histograms(&calls::DURATION, catalogue::SECONDS),
            batch_units: of.histograms(&store::BATCH_UNITS, store::UNITS),
            batch_duration: of.histograms(&store::BATCH_DURATION, catalogue::SECONDS),
            queue_wait: of.histograms(&store::QUEUE_WAIT, catalogue::SECONDS),
            queue_units: of.gauges(&store::QUEUE_UNITS),
            check_ok: of.gauges(&health::CHECK_OK),
            dispatcher_lag: of.gauges(&health::DISPATCHER_LAG),
            spans_dropped: of.counters(&health::SPANS_DROPPED),
            catalogue: of.of_the_process(),
        };
        metrics.begin();
        metrics
    }

    /// What is known before anything happens stands at zero: a rate can only be told of a number that was seen before.
    fn begin(&self) {
        self.begin_wakes();
        self.begin_devices();
        self.spans_dropped(0);
    }

    /// Every metric that there is, by name.
    pub fn catalogue(&self) -> Vec<Listed> {
        self.catalogue.listed()
    }

    /// All of them as text, as Prometheus scrapes it.
    pub fn render(&self) -> String {
        // The encoder fails where a family has no samples, and those are not gathered.
        TextEncoder::new().encode_to_string(&self.catalogue.gather()).unwrap_or_default()
    }
}

/// The media type of [`Metrics::render`].
pub const METRICS_MEDIA_TYPE: &str = prometheus::TEXT_FORMAT;

#[cfg(test)]
mod tests;
