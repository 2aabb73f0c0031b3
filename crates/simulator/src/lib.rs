#![doc = include_str!("../README.md")]

pub mod device;
mod edge;
pub mod fleet;
pub mod habits;
mod http;
pub mod wns;
