//! Pushes.

use std::time::Duration;

use reveille_api::v1 as api;
use store::PushRecord;

use super::{span, time};

pub(crate) fn push(record: &PushRecord) -> api::Push {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    api::Push {
        id: record.id.to_string(),
        push_app: record.push_app.clone(),
        generation: record.generation,
        attempt: record.attempt.into(),
        start_time: Some(time(record.claimed_at)),
        end_time: record.finished_at.map(time),
        verdict: record.verdict.as_deref().map_or(api::PushVerdict::InFlight, verdict).into(),
        http_status: record.http_status.map(u32::from).unwrap_or_default(),
        wns_status: text(&record.notification_status),
        device_connection_status: text(&record.connection_status),
        message_id: text(&record.message_id),
        debug_trace: text(&record.debug_trace),
        ms_cv: text(&record.ms_cv),
        error_description: text(&record.description),
        ttl: Some(span(Duration::from_secs(record.ttl_seconds.into()))),
        span_id: String::new(),
    }
}

fn verdict(name: &str) -> api::PushVerdict {
    use api::PushVerdict as Verdict;
    match name {
        "sent" => Verdict::Sent,
        "sent_unknown" => Verdict::SentUnknown,
        "dropped" => Verdict::Dropped,
        "channel_throttled" => Verdict::ChannelThrottled,
        "credential_fault" => Verdict::CredentialFault,
        "mismatch" => Verdict::Mismatch,
        "channel_dead" => Verdict::ChannelDead,
        "channel_suspect" => Verdict::ChannelSuspect,
        "observed" => Verdict::Observed,
        "app_blocked" => Verdict::AppBlocked,
        "app_throttled" => Verdict::AppThrottled,
        "malformed" => Verdict::Malformed,
        "failed" => Verdict::Failed,
        // Nobody reported a verdict before the lease ran out: it may have arrived.
        "ambiguous" | "lease_expired" => Verdict::Ambiguous,
        _ => Verdict::Unspecified,
    }
}

#[cfg(test)]
mod tests {
    use push::Verdict;

    use super::*;

    #[test]
    fn every_verdict_has_a_word_of_its_own() {
        let all = [
            Verdict::Sent { connection: None },
            Verdict::SentUnknown,
            Verdict::Dropped,
            Verdict::ChannelThrottled,
            Verdict::ChannelDead,
            Verdict::ChannelSuspect,
            Verdict::Mismatch,
            Verdict::CredentialFault,
            Verdict::AppBlocked,
            Verdict::AppThrottled { retry_after: None },
            Verdict::Malformed,
            Verdict::Failed,
            Verdict::Ambiguous,
        ];
        for it in all {
            let expect = format!("PUSH_VERDICT_{}", it.name().to_uppercase());
            assert_eq!(verdict(it.name()).as_str_name(), expect);
        }
        assert_eq!(verdict("lease_expired"), api::PushVerdict::Ambiguous);
    }
}
