//! Pushes.

use std::time::Duration;

use model::TraceContext;
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
        span_id: record
            .trace
            .filter(|span| span.sampled())
            .map(TraceContext::span_id_hex)
            .unwrap_or_default(),
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
        "token_unavailable" => Verdict::TokenUnavailable,
        "malformed" => Verdict::Malformed,
        "failed" => Verdict::Failed,
        // Nobody reported a verdict before the lease ran out: it may have arrived.
        "ambiguous" | "lease_expired" => Verdict::Ambiguous,
        _ => Verdict::Unspecified,
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;
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
            Verdict::TokenUnavailable { retry_after: None },
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

    #[test]
    fn a_push_is_found_by_its_span_if_the_trace_is_sampled() {
        let span = |flags| Some(TraceContext { trace_id: [1; 16], span_id: [0xab; 8], flags });
        for (trace, expect) in [(span(1), "abababababababab"), (span(0), ""), (None, "")] {
            assert_eq!(push(&PushRecord { trace, ..record() }).span_id, expect);
        }
    }

    fn record() -> PushRecord {
        PushRecord {
            id: "0190f3a4-0000-7000-8000-000000000001".parse().unwrap(),
            push_app: "main".into(),
            generation: 1,
            ttl_seconds: 60,
            attempt: 1,
            claimed_at: Timestamp::EPOCH,
            finished_at: None,
            verdict: None,
            http_status: None,
            notification_status: None,
            connection_status: None,
            message_id: None,
            debug_trace: None,
            ms_cv: None,
            description: None,
            trace: None,
            parent: None,
        }
    }
}
