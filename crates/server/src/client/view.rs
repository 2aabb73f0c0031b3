//! What `--json` prints: the contract's messages with words for values, and RFC 3339 times.

use std::{collections::BTreeMap, time::Duration};

use prost_types::Timestamp;
use reveille_api::v1;
use serde::Serialize;

use super::words::{channel_state, duration, word};

mod device;
mod event;

pub(super) use device::{Device, Session};
pub(super) use event::Event;

#[derive(Serialize)]
pub(super) struct Wake {
    id: String,
    device_id: String,
    device: String,
    caller: String,
    asked: Option<String>,
    deadline: Option<String>,
    ended: Option<String>,
    priority: String,
    reason: String,
    labels: BTreeMap<String, String>,
    state: String,
    end_reason: String,
    answer: Option<Answer>,
    trace_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expectation: Option<Expectation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pushes: Vec<Push>,
}

#[derive(Serialize)]
struct Answer {
    session_id: String,
    session_start: Option<String>,
    seconds_to_session: Option<f64>,
    attribution: String,
    push_id: String,
}

#[derive(Serialize)]
struct Expectation {
    kind: String,
    channel_state: String,
    until: Option<String>,
    obstacle: String,
}

#[derive(Serialize)]
struct Push {
    id: String,
    #[serde(rename = "push_app")]
    app: String,
    generation: u32,
    attempt: u32,
    start: Option<String>,
    end: Option<String>,
    verdict: String,
    http_status: u32,
    wns_status: String,
    device_connection_status: String,
    message_id: String,
    debug_trace: String,
    ms_cv: String,
    error_description: String,
    ttl_seconds: Option<f64>,
    span_id: String,
}

#[derive(Serialize)]
pub(super) struct PushApp {
    name: String,
    pfn: String,
    auth: String,
    mode: String,
    token: String,
    token_expires: Option<String>,
    gated_until: Option<String>,
    fault: Option<Fault>,
    blocked_since: Option<String>,
    paused: bool,
    channels: BTreeMap<String, i64>,
}

#[derive(Serialize)]
struct Fault {
    kind: String,
    since: Option<String>,
    description: String,
    next_probe: Option<String>,
}

impl Wake {
    pub(super) fn new(wake: v1::Wake, expectation: Option<v1::Expectation>, pushes: Vec<v1::Push>) -> Self {
        Self {
            priority: word(wake.priority().as_str_name(), "WAKE_PRIORITY_"),
            state: word(wake.state().as_str_name(), "WAKE_STATE_"),
            end_reason: word(wake.end_reason().as_str_name(), "WAKE_END_REASON_"),
            id: wake.id,
            device_id: wake.device_id,
            device: wake.device_name,
            caller: wake.caller,
            asked: rfc3339(wake.ask_time),
            deadline: rfc3339(wake.deadline_time),
            ended: rfc3339(wake.end_time),
            reason: wake.reason,
            labels: wake.labels,
            answer: wake.answer.map(Answer::from),
            trace_id: wake.trace_id,
            expectation: expectation.map(Expectation::from),
            pushes: pushes.into_iter().map(Push::from).collect(),
        }
    }
}

impl From<v1::WakeAnswer> for Answer {
    fn from(answer: v1::WakeAnswer) -> Self {
        Self {
            attribution: word(answer.attribution().as_str_name(), "ATTRIBUTION_"),
            session_id: answer.session_id,
            session_start: rfc3339(answer.session_start_time),
            seconds_to_session: seconds(answer.time_to_session),
            push_id: answer.push_id,
        }
    }
}

impl From<v1::Expectation> for Expectation {
    fn from(expectation: v1::Expectation) -> Self {
        Self {
            kind: word(expectation.kind().as_str_name(), "EXPECTATION_KIND_"),
            channel_state: channel_state(expectation.channel_state()),
            until: rfc3339(expectation.until),
            obstacle: word(expectation.obstacle().as_str_name(), "WAKE_END_REASON_"),
        }
    }
}

impl From<v1::Push> for Push {
    fn from(push: v1::Push) -> Self {
        Self {
            verdict: word(push.verdict().as_str_name(), "PUSH_VERDICT_"),
            id: push.id,
            app: push.push_app,
            generation: push.generation,
            attempt: push.attempt,
            start: rfc3339(push.start_time),
            end: rfc3339(push.end_time),
            http_status: push.http_status,
            wns_status: push.wns_status,
            device_connection_status: push.device_connection_status,
            message_id: push.message_id,
            debug_trace: push.debug_trace,
            ms_cv: push.ms_cv,
            error_description: push.error_description,
            ttl_seconds: seconds(push.ttl),
            span_id: push.span_id,
        }
    }
}

impl From<v1::PushApp> for PushApp {
    fn from(app: v1::PushApp) -> Self {
        let counts = &app.channel_counts;
        let token = app.token.unwrap_or_default();
        Self {
            auth: word(app.auth().as_str_name(), "PUSH_APP_AUTH_"),
            mode: word(app.mode().as_str_name(), "PUSH_MODE_"),
            channels: counts.iter().map(|count| (channel_state(count.state()), count.count)).collect(),
            token: word(token.state().as_str_name(), "TOKEN_STATE_"),
            token_expires: rfc3339(token.expire_time),
            name: app.name,
            pfn: app.pfn,
            gated_until: rfc3339(app.gate_time),
            fault: app.fault.map(Fault::from),
            blocked_since: rfc3339(app.blocked_time),
            paused: app.paused,
        }
    }
}

impl From<v1::PushAppFault> for Fault {
    fn from(fault: v1::PushAppFault) -> Self {
        Self {
            kind: word(fault.kind().as_str_name(), "PUSH_APP_FAULT_KIND_"),
            since: rfc3339(fault.since),
            description: fault.description,
            next_probe: rfc3339(fault.next_probe_time),
        }
    }
}

fn rfc3339(time: Option<Timestamp>) -> Option<String> {
    time.map(|time| time.to_string())
}

fn seconds(span: Option<prost_types::Duration>) -> Option<f64> {
    duration(span).as_ref().map(Duration::as_secs_f64)
}
