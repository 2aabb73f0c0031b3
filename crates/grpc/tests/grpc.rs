//! The contract over a real port: what calls answer, and how they refuse.

#[path = "grpc/batches.rs"]
mod batches;
#[path = "grpc/devices.rs"]
mod devices;
#[path = "grpc/field.rs"]
mod field;
#[path = "grpc/imports.rs"]
mod imports;
#[path = "grpc/process.rs"]
mod process;
#[path = "grpc/push_apps.rs"]
mod push_apps;
#[path = "grpc/sessions.rs"]
mod sessions;
#[path = "grpc/trace.rs"]
mod trace;
#[path = "grpc/updates.rs"]
mod updates;
#[path = "grpc/wakes.rs"]
mod wakes;
#[path = "grpc/watch.rs"]
mod watch;
