//! What a message told besides its channel, as it is recorded.

use dm::{Answer, Turn};
use model::{DeviceName, Scope};
use store::{DeviceInfo, RecordedAlert, RecordedOutcome, Visitor};

use crate::observation;

/// Of an alert's data, so many characters are kept.
const ALERT_DATA: usize = 4_096;
/// Of a device's own error code, of a name or a node, and of what it says of itself.
const ERROR_CODE: usize = 64;
const NAME: usize = 512;
const SAID: usize = 255;
/// Alerts of one message.
const ALERTS: usize = 64;

/// What a message told besides its channel.
pub(crate) struct Told {
    pub(crate) scope: Scope,
    pub(crate) opened: bool,
    pub(crate) unenrolled: bool,
    pub(crate) info: DeviceInfo,
    pub(crate) detail_read: bool,
    pub(crate) alerts: Vec<RecordedAlert>,
    pub(crate) outcomes: Vec<RecordedOutcome>,
    pub(crate) ignored: u32,
}

impl Told {
    pub(crate) fn by(turn: &Turn<'_>, visitor: &Visitor) -> Self {
        Self {
            scope: turn.scope(),
            opened: turn.opened(),
            unenrolled: turn.unenrolled(),
            info: info(turn, visitor),
            detail_read: observation::detail(turn.outcomes()).is_some(),
            alerts: alerts(turn),
            outcomes: turn.outcomes().iter().map(recorded).collect(),
            ignored: u32::try_from(turn.ignored()).unwrap_or(u32::MAX),
        }
    }
}

/// Commands that no message to this device can carry. They are recorded as unanswered.
pub(crate) fn unsendable(device: &DeviceName, answer: &Answer) -> Vec<RecordedOutcome> {
    let record = |refused: &dm::Unsendable| {
        let (command, error) = (refused.tag.as_str(), &refused.error);
        tracing::error!(%device, command, %error, "a command was not sent");
        RecordedOutcome { command: command.to_owned(), target: None, status: None, original_error: None }
    };
    answer.refused.iter().map(record).collect()
}

/// What became of a command, without the value that was read: it may be a `ChannelURI`.
pub(crate) fn recorded(outcome: &dm::Outcome) -> RecordedOutcome {
    RecordedOutcome {
        command: outcome.tag.as_str().to_owned(),
        target: outcome.target.as_deref().map(|text| kept(text, NAME)),
        status: outcome.status,
        original_error: outcome.original_error.as_deref().map(|text| kept(text, ERROR_CODE)),
    }
}

/// What the device told of itself that was not known.
fn info(turn: &Turn<'_>, visitor: &Visitor) -> DeviceInfo {
    let said = turn.dev_info().unwrap_or_default();
    let detail = observation::detail(turn.outcomes()).unwrap_or_default();
    let known = &visitor.device.info;
    let new = |said: Option<String>, known: &Option<String>| {
        said.map(|said| kept(&said, SAID)).filter(|said| known.as_ref() != Some(said))
    };
    DeviceInfo {
        manufacturer: new(said.man, &known.manufacturer),
        model: new(said.model, &known.model),
        dm_version: new(said.dm_v, &known.dm_version),
        language: new(said.lang, &known.language),
        os_version: new(detail.os_version, &known.os_version),
        large_objects: detail.large_objects,
    }
}

/// The message's alerts; `dm` has left out what carries a token.
fn alerts(turn: &Turn<'_>) -> Vec<RecordedAlert> {
    let alert = |alert: &dm::ReceivedAlert<'_>| RecordedAlert {
        code: alert.code,
        kind: alert.kind.map(|kind| kept(kind, NAME)),
        source: alert.source.map(|source| kept(source, NAME)),
        data: alert.data.map(|data| kept(data, ALERT_DATA)),
    };
    turn.alerts().iter().take(ALERTS).map(alert).collect()
}

fn kept(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
}
