#![doc = include_str!("../README.md")]

mod context;
mod export;
mod finished;
mod ids;
mod lives;
mod log;
mod settings;
mod start;

pub use context::{add_link, current_context, from_headers, new_context, set_parent};
pub use finished::{FinishedSpan, SpanKind, Value, emit_span};
pub use lives::{EndedSession, EndedWake};
pub use settings::{LogFormat, Settings};
pub use start::{ShutdownError, StartError, Telemetry};
