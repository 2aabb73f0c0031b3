//! Reveille from end to end: simulated devices over HTTP, internal services over gRPC, an emulated WNS in between.
//! Everything is real but Microsoft; nothing sleeps, everything waits for what it expects.

mod field;
mod fleet;
mod housekeeping;
mod modes;
mod moving;
mod outcomes;
mod pacing;
mod resets;
mod secrets;
mod verdicts;
mod waking;
