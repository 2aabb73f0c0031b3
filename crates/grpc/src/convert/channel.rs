//! Channels. The `ChannelURI` itself never leaves.

use model::Timestamp;
use push::{Channel, ChannelState, Refusal};
use reveille_api::v1 as api;

use super::{span, time};

pub(crate) fn channel(channel: &Channel, push_app: &str, now: Timestamp) -> api::Channel {
    let state_of = channel.state();
    let gate = channel.gated_until();
    api::Channel {
        state: state(state_of).into(),
        refusal: refusal(state_of).into(),
        generation: channel.generation(),
        push_app: push_app.to_owned(),
        first_seen_time: channel.first_seen().map(time),
        age: channel.first_seen().map(|seen| span(now.since(seen))),
        push_status: channel.push_status(),
        dead_time: channel.dead_since().map(time),
        gate_time: gate.filter(|until| *until != Timestamp::MAX && *until > now).map(time),
        gated_until_session: gate == Some(Timestamp::MAX),
        last_reset_time: channel.last_write().map(time),
        next_reset_time: channel.next_reset_at().map(time),
    }
}

pub(crate) fn state(state: ChannelState) -> api::ChannelState {
    match state {
        ChannelState::Unset => api::ChannelState::Unset,
        ChannelState::Pending => api::ChannelState::Pending,
        ChannelState::Live => api::ChannelState::Live,
        ChannelState::Stale => api::ChannelState::Stale,
        ChannelState::Dead => api::ChannelState::Dead,
        ChannelState::Refused(_) => api::ChannelState::Refused,
    }
}

/// The store's name of a state; none for a value that nobody knows.
pub(crate) fn name(state: api::ChannelState) -> Option<&'static str> {
    match state {
        api::ChannelState::Unset => Some("unset"),
        api::ChannelState::Moving => Some("moving"),
        api::ChannelState::Pending => Some("pending"),
        api::ChannelState::Live => Some("live"),
        api::ChannelState::Stale => Some("stale"),
        api::ChannelState::Dead => Some("dead"),
        api::ChannelState::Refused => Some("refused"),
        api::ChannelState::Unspecified => None,
    }
}

pub(crate) fn state_of_name(text: &str) -> api::ChannelState {
    use api::ChannelState::{Dead, Live, Moving, Pending, Refused, Stale, Unset};
    let known = [Unset, Moving, Pending, Live, Stale, Dead, Refused];
    known.into_iter().find(|state| name(*state) == Some(text)).unwrap_or(api::ChannelState::Unspecified)
}

fn refusal(state: ChannelState) -> api::ChannelRefusal {
    let ChannelState::Refused(refusal) = state else { return api::ChannelRefusal::Unspecified };
    match refusal {
        Refusal::PushStatus(1) => api::ChannelRefusal::InvalidPfn,
        Refusal::PushStatus(_) => api::ChannelRefusal::Unavailable,
        Refusal::InvalidUri => api::ChannelRefusal::InvalidUri,
        Refusal::Provider => api::ChannelRefusal::Provider,
        Refusal::Write(_) => api::ChannelRefusal::Write,
    }
}
