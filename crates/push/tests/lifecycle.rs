//! The lives of channels, summonses and wakes, told through the public surface.

#[path = "lifecycle/app.rs"]
mod app;
#[path = "lifecycle/channel.rs"]
mod channel;
#[path = "lifecycle/fall_overs.rs"]
mod fall_overs;
#[path = "lifecycle/field.rs"]
mod field;
#[path = "lifecycle/hang.rs"]
mod hang;
#[path = "lifecycle/lives.rs"]
mod lives;
#[path = "lifecycle/moving.rs"]
mod moving;
#[path = "lifecycle/polling.rs"]
mod polling;
#[path = "lifecycle/summons.rs"]
mod summons;
#[path = "lifecycle/write_loop.rs"]
mod write_loop;
