//! Events of wakes, as `--json` prints them.

use reveille_api::v1;
use serde::Serialize;

use super::{Push, Wake, rfc3339};
use crate::client::words::word;

#[derive(Serialize)]
pub(in crate::client) struct Event {
    seq: i64,
    #[serde(rename = "type")]
    kind: String,
    time: Option<String>,
    wake: Option<Wake>,
    #[serde(skip_serializing_if = "Option::is_none")]
    push: Option<Push>,
}

impl Event {
    pub(in crate::client) fn new(seq: i64, event: v1::WakeEvent) -> Self {
        Self {
            seq,
            kind: word(event.r#type().as_str_name(), "WAKE_EVENT_TYPE_"),
            time: rfc3339(event.time),
            wake: event.wake.map(|wake| Wake::new(wake, None, Vec::new())),
            push: event.push.map(Push::from),
        }
    }
}
