//! Events of wakes.

use reveille_api::v1 as api;
use store::{Event, EventKind};

use super::time;

/// An event with what it is about. Only one that is about a push has a push.
pub(crate) fn event(event: &Event, wake: api::Wake, push: Option<api::Push>) -> api::WakeEvent {
    api::WakeEvent { r#type: kind(event.kind).into(), time: Some(time(event.at)), wake: Some(wake), push }
}

/// Whether an event is about a push, and not about a wake that one is credited with.
pub(crate) fn is_push(it: EventKind) -> bool {
    kind(it) == api::WakeEventType::Pushed
}

fn kind(kind: EventKind) -> api::WakeEventType {
    match kind {
        EventKind::Asked => api::WakeEventType::Asked,
        EventKind::Pushed | EventKind::PushFailed => api::WakeEventType::Pushed,
        EventKind::Answered | EventKind::Unanswered | EventKind::Cancelled | EventKind::Failed => {
            api::WakeEventType::Ended
        }
    }
}
