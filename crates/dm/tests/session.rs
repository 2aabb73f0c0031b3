//! Sessions as a gateway drives them, with a small device at the other end.

#[path = "session/auth.rs"]
mod auth;
#[path = "session/chunks.rs"]
mod chunks;
#[path = "session/client.rs"]
mod client;
#[path = "session/course.rs"]
mod course;
#[path = "session/device.rs"]
mod device;
#[path = "session/fixtures.rs"]
mod fixtures;
#[path = "session/gateway.rs"]
mod gateway;
#[path = "session/hostile.rs"]
mod hostile;
#[path = "session/mutual.rs"]
mod mutual;
#[path = "session/objects.rs"]
mod objects;
#[path = "session/outcomes.rs"]
mod outcomes;
#[path = "session/proof.rs"]
mod proof;
#[path = "session/property.rs"]
mod property;
#[path = "session/queue.rs"]
mod queue;
#[path = "session/shapes.rs"]
mod shapes;
#[path = "session/statuses.rs"]
mod statuses;
#[path = "session/world.rs"]
mod world;
