//! The simulated device against hand-written server messages; the emulated WNS and the fleet over real HTTP.

#[path = "simulator/device.rs"]
mod device;
#[path = "simulator/engine.rs"]
mod engine;
#[path = "simulator/fleet.rs"]
mod fleet;
#[path = "simulator/gateway.rs"]
mod gateway;
#[path = "simulator/sending.rs"]
mod sending;
#[path = "simulator/wns.rs"]
mod wns;
