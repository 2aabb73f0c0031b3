#![doc = include_str!("../README.md")]

mod convert;
mod devices;
mod health;
mod meter;
mod page;
mod push_apps;
mod request;
mod service;
mod settings;
mod status;
mod streams;
mod trace;
mod wakes;

pub use health::{Fitness, Health};
pub use request::ANONYMOUS;
pub use service::{ServeError, Service};
pub use settings::{AppAuth, AppInfo, Settings, TokenReport, Tokens, Watch};
