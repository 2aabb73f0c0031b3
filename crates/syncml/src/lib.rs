#![doc = include_str!("../README.md")]

mod auth;
mod command;
mod item;
mod message;
mod meta;
mod owned;
mod parse;
mod write;
mod xml;

pub use auth::{Chal, Cred, Secret};
pub use command::{Alert, Command, Group, NodeCommand, Results, Status, Unsupported};
pub use item::{Data, Item, Markup};
pub use message::{Header, Location, Message};
pub use meta::Meta;
pub use parse::{Limits, Name, ParseError, ParseErrorKind};
pub use write::escaped_len;
pub use xml::is_text;
