#![doc = include_str!("../README.md")]

mod client;
mod response;
mod settings;
mod token;
mod transport;

pub use client::{UnknownApp, WnsClient};
pub use settings::{AppCredentials, Auth, EntraAuth, LegacyAuth, Settings};
pub use token::TokenState;
pub use transport::{ClockSkew, SetupError};
