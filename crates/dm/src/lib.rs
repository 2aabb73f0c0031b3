#![doc = include_str!("../README.md")]

mod alert;
mod command;
mod credential;
mod dev_info;
mod identify;
mod nonce;
mod outstanding;
mod receive;
mod reply;
mod scope;
mod session;
mod settings;
mod target;
mod turn;

pub use alert::ReceivedAlert;
pub use command::{Command, CommandError, Format, Node, Outgoing, Tag};
pub use credential::{Account, InnerHash, Scheme, Schemes, inner_hash};
pub use dev_info::DevInfo;
pub use identify::{Identified, Identify, Opening};
pub use nonce::NonceKey;
pub use outstanding::Outcome;
pub use receive::{BodyHash, Newest, Received, Stored, receive};
pub use scope::Scope;
pub use session::{Cut, Ending, Session};
pub use settings::{SessionAuth, Settings};
pub use turn::{Answer, Turn};
