//! What operators see of messages, of sessions that end, and of wakes that they answer.

use model::TraceContext;
use store::{SessionCommit, SessionCommitted, StoredSession, WakeRecord};
use telemetry::{EndedSession, EndedWake};

use crate::{Inner, exchange::Arrival};

mod message;

pub(crate) use message::Stages;

impl Inner {
    /// A message was answered and committed.
    pub(crate) fn report(
        &self,
        arrival: &Arrival<'_>,
        commit: &SessionCommit,
        committed: &SessionCommitted,
        earlier: Option<&StoredSession>,
        stages: &Stages,
    ) {
        let device = arrival.claimed();
        for (place, wake) in committed.answered.iter().enumerate() {
            // The session is a child of the oldest.
            ended_wake(wake, (place > 0).then_some(committed.trace));
        }
        for wake in &committed.ended {
            ended_wake(wake, None);
        }
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
                links: &session.links,
            }
            .report();
        }
        if let Some(stored) = &commit.channel {
            let (state, generation) = (stored.channel.state().name(), stored.channel.generation());
            tracing::debug!(device = %device, state, generation, "channel changed");
        }
        self.trace(arrival, commit, committed, stages);
        let Some(ending) = commit.ending else { return };
        let (oldest, others) =
            (committed.answered.first().map(|wake| wake.trace), others(&committed.answered));
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
            links: earlier.map_or(&others, |earlier| &earlier.links),
        }
        .report();
    }
}

/// The contexts of the wakes that a session answered besides the oldest.
fn others(answered: &[WakeRecord]) -> Vec<TraceContext> {
    answered.iter().skip(1).map(|wake| wake.trace).collect()
}

fn ended_wake(record: &WakeRecord, link: Option<TraceContext>) {
    EndedWake {
        wake: &record.wake,
        device: &record.device_name,
        caller: &record.caller,
        context: record.trace,
        parent: record.parent,
        link,
    }
    .report();
}
