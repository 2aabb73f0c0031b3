//! Sessions.

use model::Scope;
use reveille_api::v1 as api;
use store::SessionRecord;

use super::time;

pub(crate) fn session(record: &SessionRecord, device_name: &str) -> api::Session {
    let scope = match record.scope {
        Scope::Device => api::SessionScope::Device,
        Scope::User => api::SessionScope::User,
    };
    api::Session {
        id: record.key.to_string(),
        device_id: record.device.to_string(),
        device_name: device_name.to_owned(),
        protocol_session_id: record.session_id.clone(),
        scope: scope.into(),
        start_time: Some(time(record.started_at)),
        last_message_time: Some(time(record.heard_at)),
        end_time: record.ended_at.map(time),
        ending: record.ending.as_deref().map_or(api::SessionEnding::Unspecified, ending).into(),
        message_count: i32::try_from(record.messages).unwrap_or(i32::MAX),
        origin: record.origin.clone().unwrap_or_default(),
        alerts: record.alerts.iter().map(alert).collect(),
        eventful: record.eventful,
        trace_id: record.trace.trace_id_hex(),
        mode: record.mode.clone().unwrap_or_default(),
        platform: record.platform.clone().unwrap_or_default(),
        outcomes: record.outcomes.iter().map(outcome).collect(),
        ignored_count: record.ignored,
    }
}

fn ending(name: &str) -> api::SessionEnding {
    match name {
        "completed" => api::SessionEnding::Completed,
        "aborted" => api::SessionEnding::Aborted,
        "unenrolled" => api::SessionEnding::Unenrolled,
        "silent" => api::SessionEnding::Silent,
        "superseded" => api::SessionEnding::Replaced,
        "too_many_messages" => api::SessionEnding::TooLong,
        _ => api::SessionEnding::Unspecified,
    }
}

fn outcome(outcome: &store::RecordedOutcome) -> api::SessionOutcome {
    api::SessionOutcome {
        command: outcome.command.clone(),
        target: outcome.target.clone().unwrap_or_default(),
        status: outcome.status.map(Into::into),
        meaning: outcome.status.map(dm::meaning).unwrap_or_default().to_owned(),
        original_error: outcome.original_error.clone().unwrap_or_default(),
    }
}

fn alert(alert: &store::RecordedAlert) -> api::SessionAlert {
    api::SessionAlert {
        code: alert.code.into(),
        r#type: alert.kind.clone().unwrap_or_default(),
        data: alert.data.clone().unwrap_or_default(),
    }
}
