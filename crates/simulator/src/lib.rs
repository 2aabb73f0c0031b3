#![doc = include_str!("../README.md")]

pub mod device;
mod edge;
pub mod fleet;
mod http;
pub mod wns;
