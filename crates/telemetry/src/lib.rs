#![doc = include_str!("../README.md")]

mod context;
mod database;
mod export;
mod finished;
mod lives;
mod log;
mod metrics;
mod queue;
mod settings;
mod start;
mod variables;

pub use context::{add_link, current_context, from_headers, linked_context, new_context, set_parent, within};
pub use database::Committed;
pub use finished::{Attribute, FinishedSpan, SpanEvent, SpanKind, Value, emit_span};
pub use lives::{EndedSession, EndedWake};
pub use metrics::{
    AppState, Batch, ChannelsIn, Kind, Listed, METRICS_MEDIA_TYPE, Message, Metrics, Pacing, TokenHealth,
    canary_caller, metrics,
};
pub use settings::{LogFormat, Settings};
pub use start::{ShutdownError, StartError, Telemetry};

#[cfg(test)]
mod guide;
