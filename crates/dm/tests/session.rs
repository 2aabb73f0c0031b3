//! Sessions as a gateway drives them, with a small device at the other end.

#[path = "session/auth.rs"]
mod auth;
#[path = "session/course.rs"]
mod course;
#[path = "session/device.rs"]
mod device;
#[path = "session/fixtures.rs"]
mod fixtures;
#[path = "session/gateway.rs"]
mod gateway;
#[path = "session/outcomes.rs"]
mod outcomes;
#[path = "session/property.rs"]
mod property;
#[path = "session/statuses.rs"]
mod statuses;
