//! What operators see of messages, of sessions that end, and of wakes that they answer.

use store::{SessionCommit, SessionCommitted, StoredSession, WakeRecord};
use telemetry::{EndedSession, EndedWake, FinishedSpan, SpanKind, Value, emit_span};

use crate::{Inner, exchange::Arrival};

impl Inner {
    /// A message was answered and committed.
    pub(crate) fn report(
        &self,
        arrival: &Arrival<'_>,
        commit: &SessionCommit,
        committed: &SessionCommitted,
        earlier: Option<&StoredSession>,
    ) {
        let device = arrival.claimed();
        committed.answered.iter().chain(&committed.ended).for_each(ended_wake);
        for session in &committed.superseded {
            EndedSession {
                key: session.key,
                device,
                session_id: &session.session_id,
                ending: session.ending.as_deref().unwrap_or_default(),
                messages: session.messages,
                started_at: session.started_at,
                ended_at: commit.now,
                context: session.trace,
                parent: session.parent,
            }
            .report();
        }
        if let Some(stored) = &commit.channel {
            let (state, generation) = (stored.channel.state().name(), stored.channel.generation());
            tracing::debug!(device = %device, state, generation, "channel changed");
        }
        emit_span(FinishedSpan {
            name: "message",
            context: telemetry::new_context(Some(committed.trace)),
            parent: Some(committed.trace.span_id),
            kind: SpanKind::Server,
            start: arrival.at,
            end: self.store.now(),
            attributes: attributes(arrival, commit),
            links: Vec::new(),
            error: None,
        });
        let Some(ending) = commit.ending else { return };
        let oldest = committed.answered.first().map(|wake| wake.trace);
        EndedSession {
            key: commit.key,
            device,
            session_id: &commit.session_id,
            ending,
            messages: commit.messages,
            started_at: earlier.map_or(commit.now, |earlier| earlier.started_at),
            ended_at: commit.now,
            context: committed.trace,
            parent: earlier.map_or(oldest, |earlier| earlier.parent),
        }
        .report();
    }
}

fn attributes(arrival: &Arrival<'_>, commit: &SessionCommit) -> Vec<(&'static str, Value)> {
    let Arrival { message, hints, .. } = arrival;
    let commands = i64::try_from(message.commands.len()).unwrap_or(i64::MAX);
    let told = [
        ("reveille.message.mode", &hints.mode),
        ("reveille.message.ms_cv", &hints.correlation),
        ("reveille.message.client_request_id", &hints.request_id),
    ];
    let told = told.into_iter().filter_map(|(name, text)| Some((name, Value::Text(text.clone()?))));
    let known = [
        ("reveille.device", Value::Text(arrival.claimed().to_owned())),
        ("reveille.session.id", Value::Text(commit.key.to_string())),
        ("reveille.message.id", Value::Int(message.header.msg_id.into())),
        ("reveille.message.commands", Value::Int(commands)),
    ];
    known.into_iter().chain(told).collect()
}

fn ended_wake(record: &WakeRecord) {
    EndedWake {
        wake: &record.wake,
        device: &record.device_name,
        caller: &record.caller,
        context: record.trace,
        parent: record.parent,
    }
    .report();
}
