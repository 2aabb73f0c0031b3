#![doc = include_str!("../README.md")]

mod call;
mod convert;
mod devices;
mod health;
mod page;
mod push_apps;
mod request;
mod service;
mod settings;
mod status;
mod streams;
mod task;
mod wakes;

pub use health::{Fitness, Health};
pub use request::ANONYMOUS;
pub use service::{ServeError, Service};
pub use settings::{AppAuth, AppInfo, Settings, TokenReport, Tokens, Watch};
