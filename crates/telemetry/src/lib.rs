//! Tracing and OpenTelemetry: the set-up, and the few helpers that others need.
