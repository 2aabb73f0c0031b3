//! Devices, as `--json` prints them.

use std::collections::BTreeMap;

use reveille_api::v1;
use serde::Serialize;

use super::{rfc3339, seconds};
use crate::client::words::{channel_state, word};

#[derive(Serialize)]
pub(in crate::client) struct Device {
    id: String,
    name: String,
    provider_id: String,
    push_app: String,
    labels: BTreeMap<String, String>,
    external_id: String,
    user: String,
    certificate_fingerprint: String,
    etag: String,
    enrollment: String,
    created: Option<String>,
    last_seen: Option<String>,
    unenrolled: Option<String>,
    channel: Option<Channel>,
    info: Option<Info>,
    polling: Option<Polling>,
    last_refusal: Option<Refusal>,
    hints: Vec<Hint>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recent_sessions: Vec<Session>,
}

#[derive(Serialize)]
struct Channel {
    state: String,
    refusal: String,
    generation: u32,
    push_app: String,
    first_seen: Option<String>,
    age_seconds: Option<f64>,
    push_status: Option<i32>,
    dead_since: Option<String>,
    gated_until: Option<String>,
    gated_until_session: bool,
    last_reset: Option<String>,
    next_reset: Option<String>,
    write_refusal_code: Option<u32>,
}

#[derive(Serialize)]
struct Info {
    manufacturer: String,
    model: String,
    dm_client_version: String,
    language: String,
    os_version: String,
    large_objects: Option<bool>,
}

#[derive(Serialize)]
struct Polling {
    read: Option<String>,
    schedules: Vec<Schedule>,
    on_login: bool,
    all_users_on_first_login: bool,
}

#[derive(Serialize)]
struct Schedule {
    interval_seconds: Option<f64>,
    /// None is without end.
    count: Option<i32>,
}

#[derive(Serialize)]
struct Refusal {
    reason: String,
    time: Option<String>,
}

#[derive(Serialize)]
struct Hint {
    kind: String,
    text: String,
}

#[derive(Serialize)]
pub(in crate::client) struct Session {
    id: String,
    protocol_session_id: String,
    scope: String,
    start: Option<String>,
    end: Option<String>,
    ending: String,
    messages: i32,
    origin: String,
    mode: String,
    platform: String,
    alerts: Vec<Alert>,
    outcomes: Vec<Outcome>,
    ignored: u32,
    eventful: bool,
    trace_id: String,
}

#[derive(Serialize)]
struct Alert {
    code: i32,
    #[serde(rename = "type")]
    kind: String,
    data: String,
}

#[derive(Serialize)]
struct Outcome {
    command: String,
    target: String,
    status: Option<u32>,
    meaning: String,
    original_error: String,
}

impl Device {
    pub(in crate::client) fn new(device: v1::Device, sessions: Vec<v1::Session>) -> Self {
        Self {
            enrollment: word(device.enrollment_state().as_str_name(), "ENROLLMENT_STATE_"),
            etag: device.etag,
            id: device.id,
            name: device.name,
            provider_id: device.provider_id,
            push_app: device.push_app,
            labels: device.labels,
            external_id: device.external_id,
            user: device.user,
            certificate_fingerprint: device.certificate_fingerprint,
            created: rfc3339(device.create_time),
            last_seen: rfc3339(device.last_seen_time),
            unenrolled: rfc3339(device.unenroll_time),
            channel: device.channel.map(Channel::from),
            info: device.info.map(Info::from),
            polling: device.polling.map(Polling::from),
            last_refusal: device.last_refusal.map(Refusal::from),
            hints: device.hints.into_iter().map(Hint::from).collect(),
            recent_sessions: sessions.into_iter().map(Session::from).collect(),
        }
    }
}

impl From<v1::Channel> for Channel {
    fn from(channel: v1::Channel) -> Self {
        Self {
            state: channel_state(channel.state()),
            refusal: word(channel.refusal().as_str_name(), "CHANNEL_REFUSAL_"),
            generation: channel.generation,
            push_app: channel.push_app,
            first_seen: rfc3339(channel.first_seen_time),
            age_seconds: seconds(channel.age),
            push_status: channel.push_status,
            dead_since: rfc3339(channel.dead_time),
            gated_until: rfc3339(channel.gate_time),
            gated_until_session: channel.gated_until_session,
            last_reset: rfc3339(channel.last_reset_time),
            next_reset: rfc3339(channel.next_reset_time),
            write_refusal_code: Some(channel.write_refusal_code).filter(|code| *code > 0),
        }
    }
}

impl From<v1::DeviceInfo> for Info {
    fn from(info: v1::DeviceInfo) -> Self {
        Self {
            manufacturer: info.manufacturer,
            model: info.model,
            dm_client_version: info.dm_client_version,
            language: info.language,
            os_version: info.os_version,
            large_objects: info.large_objects,
        }
    }
}

impl From<v1::Polling> for Polling {
    fn from(polling: v1::Polling) -> Self {
        let schedule = |schedule: v1::PollSchedule| Schedule {
            interval_seconds: seconds(schedule.interval),
            count: Some(schedule.count).filter(|count| *count > 0),
        };
        Self {
            read: rfc3339(polling.read_time),
            schedules: polling.schedules.into_iter().map(schedule).collect(),
            on_login: polling.poll_on_login,
            all_users_on_first_login: polling.all_users_poll_on_first_login,
        }
    }
}

impl From<v1::DeviceRefusal> for Refusal {
    fn from(refusal: v1::DeviceRefusal) -> Self {
        Self { reason: refusal.reason, time: rfc3339(refusal.time) }
    }
}

impl From<v1::DeviceHint> for Hint {
    fn from(hint: v1::DeviceHint) -> Self {
        Self { kind: word(hint.kind().as_str_name(), "DEVICE_HINT_KIND_"), text: hint.text }
    }
}

impl From<v1::Session> for Session {
    fn from(session: v1::Session) -> Self {
        let alert =
            |alert: v1::SessionAlert| Alert { code: alert.code, kind: alert.r#type, data: alert.data };
        Self {
            scope: word(session.scope().as_str_name(), "SESSION_SCOPE_"),
            ending: word(session.ending().as_str_name(), "SESSION_ENDING_"),
            id: session.id,
            protocol_session_id: session.protocol_session_id,
            start: rfc3339(session.start_time),
            end: rfc3339(session.end_time),
            messages: session.message_count,
            origin: session.origin,
            mode: session.mode,
            platform: session.platform,
            alerts: session.alerts.into_iter().map(alert).collect(),
            outcomes: session.outcomes.into_iter().map(Outcome::from).collect(),
            ignored: session.ignored_count,
            eventful: session.eventful,
            trace_id: session.trace_id,
        }
    }
}

impl From<v1::SessionOutcome> for Outcome {
    fn from(outcome: v1::SessionOutcome) -> Self {
        Self {
            command: outcome.command,
            target: outcome.target,
            status: outcome.status,
            meaning: outcome.meaning,
            original_error: outcome.original_error,
        }
    }
}
