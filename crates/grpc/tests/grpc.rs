//! The contract over a real port: what calls answer, and how they refuse.

#[path = "grpc/devices.rs"]
mod devices;
#[path = "grpc/field.rs"]
mod field;
#[path = "grpc/process.rs"]
mod process;
#[path = "grpc/push_apps.rs"]
mod push_apps;
#[path = "grpc/trace.rs"]
mod trace;
#[path = "grpc/wakes.rs"]
mod wakes;
