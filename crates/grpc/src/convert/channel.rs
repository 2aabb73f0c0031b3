//! Channels. The `ChannelURI` itself never leaves.

use model::Timestamp;
use push::{Channel, ChannelState, Refusal, Settings};
use reveille_api::v1 as api;

use super::{span, time};

pub(crate) fn channel(channel: &Channel, push_app: &str, now: Timestamp, rules: &Settings) -> api::Channel {
    let state_of = channel.state();
    let gate = channel.gated_until();
    // What is remembered of a URI that was lost is nobody's age.
    let has_uri = channel.uri().is_some();
    let aged_from = channel.expires_at(rules).map(|end| end - rules.channel_life);
    api::Channel {
        state: state(state_of).into(),
        refusal: refusal(state_of).into(),
        generation: channel.generation(),
        push_app: push_app.to_owned(),
        first_seen_time: channel.first_seen().filter(|_| has_uri).map(time),
        age: aged_from.filter(|_| has_uri).map(|from| span(now.since(from))),
        push_status: channel.push_status(),
        dead_time: channel.dead_since().map(time),
        gate_time: gate.filter(|until| *until != Timestamp::MAX && *until > now).map(time),
        gated_until_session: gate == Some(Timestamp::MAX),
        last_reset_time: channel.last_write().map(time),
        next_reset_time: channel.next_reset_at().map(time),
        write_refusal_code: write_refusal(state_of),
    }
}

pub(crate) fn state(state: ChannelState) -> api::ChannelState {
    match state {
        ChannelState::Unset => api::ChannelState::Unset,
        ChannelState::Moving => api::ChannelState::Moving,
        ChannelState::Pending => api::ChannelState::Pending,
        ChannelState::Live => api::ChannelState::Live,
        ChannelState::Stale => api::ChannelState::Stale,
        ChannelState::Dead => api::ChannelState::Dead,
        ChannelState::Refused(_) => api::ChannelState::Refused,
    }
}

/// The store's name of a state; none for "any".
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

fn write_refusal(state: ChannelState) -> u32 {
    match state {
        ChannelState::Refused(Refusal::Write(code)) => code.into(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_one_name_here_and_in_the_store() {
        let all = [
            ChannelState::Unset,
            ChannelState::Moving,
            ChannelState::Pending,
            ChannelState::Live,
            ChannelState::Stale,
            ChannelState::Dead,
            ChannelState::Refused(Refusal::InvalidUri),
        ];
        for it in all {
            assert_eq!(name(state(it)), Some(it.name()));
            assert_eq!(state_of_name(it.name()), state(it));
        }
    }
}
