//! Wakes.

use model::{Priority, Timestamp};
use push::{Attribution, EndReason, Outcome};
use reveille_api::v1 as api;
use store::{Expectation, WakeRecord};

use super::{channel, span, time};

pub(crate) fn wake(record: &WakeRecord) -> api::Wake {
    let wake = &record.wake;
    let end = wake.end();
    let (state, reason) = state(end.map(|end| end.outcome));
    api::Wake {
        id: wake.id().to_string(),
        device_id: wake.device().to_string(),
        device_name: record.device_name.to_string(),
        caller: record.caller.clone(),
        ask_time: Some(time(wake.asked_at())),
        deadline_time: Some(time(wake.deadline())),
        end_time: end.map(|end| time(end.at)),
        priority: priority(wake.priority()).into(),
        reason: record.reason.clone(),
        labels: record.labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        state: state.into(),
        end_reason: reason.into(),
        answer: end.and_then(|end| answer(record, end)),
        trace_id: record.trace.trace_id_hex(),
    }
}

/// What to expect of a wake. Nothing, once it has ended.
pub(crate) fn expectation(
    expectation: Expectation,
    state: push::ChannelState,
    obstacle: Option<EndReason>,
) -> Option<api::Expectation> {
    use api::ExpectationKind as Kind;
    let (kind, until) = match expectation {
        Expectation::PushNow => (Kind::PushNow, None),
        // "Until an operator acts" has no time.
        Expectation::GatedUntil(Timestamp::MAX) => (Kind::GatedUntil, None),
        Expectation::GatedUntil(until) => (Kind::GatedUntil, Some(time(until))),
        Expectation::WaitsForSession => (Kind::WaitsForSession, None),
        Expectation::Ended => return None,
    };
    Some(api::Expectation {
        kind: kind.into(),
        channel_state: channel::state(state).into(),
        until,
        obstacle: obstacle.map_or(api::WakeEndReason::Unspecified, end_reason).into(),
    })
}

/// The store's name of a state; none for "any".
pub(crate) fn state_name(state: api::WakeState) -> Option<&'static str> {
    match state {
        api::WakeState::Live => Some("live"),
        api::WakeState::Answered => Some("answered"),
        api::WakeState::Unanswered => Some("unanswered"),
        api::WakeState::Cancelled => Some("cancelled"),
        api::WakeState::Failed => Some("failed"),
        api::WakeState::Unspecified => None,
    }
}

fn priority(priority: Priority) -> api::WakePriority {
    match priority {
        Priority::Interactive => api::WakePriority::Interactive,
        Priority::Bulk => api::WakePriority::Bulk,
    }
}

fn state(outcome: Option<Outcome>) -> (api::WakeState, api::WakeEndReason) {
    use api::{WakeEndReason as Reason, WakeState as State};
    match outcome {
        None => (State::Live, Reason::Unspecified),
        Some(Outcome::Answered(_)) => (State::Answered, Reason::Unspecified),
        Some(Outcome::Unanswered(reason)) => (State::Unanswered, end_reason(reason)),
        Some(Outcome::Cancelled) => (State::Cancelled, Reason::Unspecified),
        Some(Outcome::Failed(reason)) => (State::Failed, end_reason(reason)),
    }
}

fn answer(record: &WakeRecord, end: push::End) -> Option<api::WakeAnswer> {
    let Outcome::Answered(answer) = end.outcome else { return None };
    // A session ends the wakes that it answers in the transaction that starts it: one time for both. One that was open
    // when the wake was asked for answers it there and then.
    Some(api::WakeAnswer {
        session_id: answer.session.to_string(),
        session_start_time: Some(time(end.at)),
        time_to_session: Some(span(end.at.since(record.wake.asked_at()))),
        attribution: attribution(answer.attribution).into(),
        push_id: answer.push.map(|push| push.to_string()).unwrap_or_default(),
    })
}

fn attribution(attribution: Attribution) -> api::Attribution {
    match attribution {
        Attribution::Confirmed => api::Attribution::Confirmed,
        Attribution::Likely => api::Attribution::Likely,
        Attribution::Coincidence => api::Attribution::Coincidence,
    }
}

pub(crate) fn end_reason(reason: EndReason) -> api::WakeEndReason {
    use api::WakeEndReason as Reason;
    match reason {
        EndReason::NoChannel => Reason::NoChannel,
        EndReason::ChannelGated => Reason::ChannelGated,
        EndReason::AppGated => Reason::AppGated,
        EndReason::CredentialFault => Reason::CredentialFault,
        EndReason::DeviceOffline => Reason::DeviceOffline,
        EndReason::NoSession => Reason::NoSession,
        EndReason::AppPaused => Reason::AppPaused,
        EndReason::AppBlocked => Reason::AppBlocked,
        EndReason::PushOff => Reason::PushOff,
        EndReason::Unenrolled => Reason::Unenrolled,
        EndReason::Deleted => Reason::Deleted,
        EndReason::MalformedPush => Reason::MalformedPush,
        EndReason::PushFailed => Reason::PushFailed,
        EndReason::NotPushed => Reason::NotPushed,
    }
}
