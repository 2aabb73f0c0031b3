#![doc = include_str!("../README.md")]

mod app;
mod channel;
mod channel_uri;
mod exchange;
mod hint;
mod housekeeping;
mod overload;
mod pace;
mod pacer;
mod poll;
mod settings;
mod summons;
mod verdict;
mod wake;

pub use app::{AppCondition, Closings, Deaths, Door, Fault, FaultKind};
pub use channel::{
    Channel, ChannelState, Context, ImportedChannel, Observation, PollObservation, PollWrite, Polling,
    PushedBy, Reading, Readings, Refusal, WriteAnswer, WriteForm, WriteReason,
};
pub use channel_uri::{ChannelUri, ExtraOrigins, InvalidChannelUri, InvalidOrigin, UriFingerprint};
pub use exchange::{ConnectionStatus, Exchange, PushRequest, TokenTrouble, WnsResponse};
pub use hint::{Hint, renewal_fails};
pub use housekeeping::{Detail, Housekeeping, Visit};
pub use overload::Overload;
pub use pacer::{Pacer, SessionPace};
pub use poll::{InvalidPollSchedule, PollLogins, PollNode, PollSchedule, PollSet, PollValue};
pub use settings::{Mode, Modes, Settings};
pub use summons::{Claim, Origin, Summons};
pub use verdict::Verdict;
pub use wake::{Answer, Attribution, End, EndReason, MAX_DEADLINE, Outcome, Wake};
