//! Push apps.

use model::Timestamp;
use push::{Fault, FaultKind, Mode};
use reveille_api::v1 as api;
use store::{ChannelCount, PushAppRecord};

use super::{channel, time};
use crate::settings::{AppAuth, AppInfo, TokenReport};

/// What is known of a push app besides its condition.
pub(crate) struct Known<'a> {
    pub(crate) info: &'a AppInfo,
    pub(crate) mode: Mode,
    pub(crate) token: TokenReport,
    pub(crate) counts: &'a [ChannelCount],
}

pub(crate) fn app(record: &PushAppRecord, known: &Known<'_>, now: Timestamp) -> api::PushApp {
    let Known { info, mode, token, counts } = known;
    let condition = &record.condition;
    api::PushApp {
        name: record.name.to_string(),
        pfn: info.pfn.to_string(),
        auth: auth(info.auth).into(),
        mode: push_mode(*mode).into(),
        token: Some(token_state(*token, now)),
        gate_time: condition.gate_until().filter(|until| *until > now).map(time),
        fault: condition.fault().map(fault),
        blocked_time: condition.blocked_at().map(time),
        paused: condition.paused(),
        channel_counts: counts
            .iter()
            .filter(|count| count.app == record.name.as_str())
            .map(counted)
            .collect(),
    }
}

fn auth(auth: AppAuth) -> api::PushAppAuth {
    match auth {
        AppAuth::Legacy => api::PushAppAuth::Legacy,
        AppAuth::Entra => api::PushAppAuth::Entra,
    }
}

fn push_mode(mode: Mode) -> api::PushMode {
    match mode {
        Mode::On => api::PushMode::On,
        Mode::Observe => api::PushMode::Observe,
        Mode::Off => api::PushMode::Off,
    }
}

fn token_state(token: TokenReport, now: Timestamp) -> api::PushAppToken {
    let (state, left) = match token {
        TokenReport::None => (api::TokenState::None, None),
        TokenReport::Valid(left) => (api::TokenState::Valid, Some(left)),
        TokenReport::Unavailable => (api::TokenState::Unavailable, None),
        TokenReport::Refused => (api::TokenState::Refused, None),
    };
    api::PushAppToken { state: state.into(), expire_time: left.map(|left| time(now + left)) }
}

fn fault(fault: &Fault) -> api::PushAppFault {
    let kind = match fault.kind {
        FaultKind::Credential => api::PushAppFaultKind::Credential,
        FaultKind::Mismatch => api::PushAppFaultKind::Mismatch,
        FaultKind::Malformed => api::PushAppFaultKind::Malformed,
        FaultKind::MassDeath => api::PushAppFaultKind::MassDeath,
    };
    api::PushAppFault {
        kind: kind.into(),
        since: Some(time(fault.since)),
        description: fault.description.clone(),
        next_probe_time: Some(time(fault.probe_at())),
    }
}

fn counted(count: &ChannelCount) -> api::ChannelCount {
    api::ChannelCount {
        state: channel::state_of_name(&count.state).into(),
        count: i64::try_from(count.count).unwrap_or(i64::MAX),
    }
}
