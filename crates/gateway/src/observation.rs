//! What a device answered to our housekeeping, in the words of `push` and of the store.

use dm::Outcome;
use model::ProviderId;
use percent_encoding::percent_decode_str;
use push::{Observation, PollNode, PollObservation, PollValue, Reading, Readings, WriteAnswer};
use store::DeviceInfo;

use crate::commands::{LARGE_OBJECTS, OS_VERSION, tag};

/// What the outcomes say about the push channel.
pub(crate) fn of(outcomes: &[Outcome], provider: &ProviderId) -> Observation {
    let providers = outcomes.iter().find(|outcome| outcome.tag.as_str() == tag::PROVIDERS);
    Observation {
        before: readings(outcomes, tag::BEFORE),
        provider: providers.map_or(Reading::Unanswered, |outcome| lists(outcome, provider)),
        write: write(outcomes),
        after: readings(outcomes, tag::AFTER),
        polling: polling(outcomes),
    }
}

/// What the outcomes say about the device, if its details were asked for and answered.
pub(crate) fn detail(outcomes: &[Outcome]) -> Option<DeviceInfo> {
    let mut asked = outcomes.iter().filter(|outcome| outcome.tag.as_str() == tag::DETAIL).peekable();
    asked.peek()?;
    let mut info = DeviceInfo::default();
    for outcome in asked {
        match outcome.target.as_deref() {
            Some(OS_VERSION) => info.os_version.clone_from(&outcome.value),
            Some(LARGE_OBJECTS) => {
                info.large_objects =
                    outcome.value.as_ref().map(|text| text.trim().eq_ignore_ascii_case("true"));
            }
            _ => {}
        }
    }
    Some(info)
}

fn readings(outcomes: &[Outcome], name: &str) -> Readings {
    let of_node = |node: &str| {
        let is_it = |outcome: &&Outcome| {
            let target = outcome.target.as_deref().unwrap_or_default();
            outcome.tag.as_str() == name && target.ends_with(node)
        };
        outcomes.iter().find(is_it).map_or(Reading::Unanswered, reading)
    };
    let status = match of_node("/Push/Status") {
        // What is not a number is a status that nobody knows (oma-dm.md §8.1: treat as 8).
        Reading::Value(text) => Reading::Value(text.trim().parse().unwrap_or(UNKNOWN_STATUS)),
        Reading::Absent => Reading::Absent,
        Reading::Failed(code) => Reading::Failed(code),
        Reading::Unanswered => Reading::Unanswered,
    };
    Readings { pfn: of_node("/Push/PFN"), uri: of_node("/Push/ChannelURI"), status }
}

const UNKNOWN_STATUS: i32 = 8;

/// 404, an absent item and an empty one are the same: nothing there (oma-dm.md §0.1).
fn reading(outcome: &Outcome) -> Reading<String> {
    let value = outcome.value.as_deref().map(str::trim).unwrap_or_default();
    match outcome.status {
        None => Reading::Unanswered,
        Some(200) if !value.is_empty() => Reading::Value(value.to_owned()),
        Some(200..=299 | 404) => Reading::Absent,
        Some(code) => Reading::Failed(code),
    }
}

/// Whether the children of `DMClient/Provider` include our provider: their names are encoded and separated by slashes
/// (oma-dm.md §2.3).
fn lists(outcome: &Outcome, provider: &ProviderId) -> Reading<bool> {
    let ours =
        |name: &str| percent_decode_str(name).decode_utf8_lossy().eq_ignore_ascii_case(provider.as_str());
    match reading(outcome) {
        Reading::Value(children) => Reading::Value(children.split('/').any(ours)),
        Reading::Absent => Reading::Absent,
        Reading::Failed(code) => Reading::Failed(code),
        Reading::Unanswered => Reading::Unanswered,
    }
}

/// What the device said of its polling, node by node.
fn polling(outcomes: &[Outcome]) -> PollObservation {
    let of = |name: &'static str| {
        let named = outcomes.iter().filter(move |outcome| outcome.tag.as_str() == name);
        named.filter_map(|outcome| Some((poll_node(outcome.target.as_deref()?)?, outcome)))
    };
    PollObservation {
        read: of(tag::POLL).map(|(node, outcome)| (node, poll_value(node, outcome))).collect(),
        written: of(tag::POLL_WRITE).map(|(node, outcome)| (node, write_answer(outcome.status))).collect(),
    }
}

fn poll_node(target: &str) -> Option<PollNode> {
    let (_, name) = target.rsplit_once('/')?;
    PollNode::ALL.into_iter().find(|node| node.name() == name)
}

/// What the node cannot hold is as good as nothing: it is written like a node that is not there.
fn poll_value(node: PollNode, outcome: &Outcome) -> Reading<PollValue> {
    match reading(outcome) {
        Reading::Value(text) => node.parse(&text).map_or(Reading::Absent, Reading::Value),
        Reading::Absent => Reading::Absent,
        Reading::Failed(code) => Reading::Failed(code),
        Reading::Unanswered => Reading::Unanswered,
    }
}

fn write(outcomes: &[Outcome]) -> Option<WriteAnswer> {
    let status =
        |name: &str| outcomes.iter().find(|outcome| outcome.tag.as_str() == name).map(|it| it.status);
    let write = status(tag::WRITE)?;
    let sequence = status(tag::SEQUENCE).flatten();
    let refused = matches!(sequence, Some(400 | 405 | 406 | 500))
        && (write.is_none_or(|code| code == NOT_EXECUTED) || write == sequence);
    // A device that ends a Sequence at its first failure may do so at a Get of a node that is not there.
    let cut_short = write == Some(NOT_EXECUTED) && status(tag::DELETE).is_none();
    if refused || cut_short { Some(WriteAnswer::SequenceRefused) } else { Some(write_answer(write)) }
}

/// "Command was not executed" (oma-dm.md §5.3).
const NOT_EXECUTED: u16 = 215;

fn write_answer(status: Option<u16>) -> WriteAnswer {
    match status {
        None => WriteAnswer::Unanswered,
        Some(code @ NOT_EXECUTED) => WriteAnswer::Failed(code),
        Some(200..=299) => WriteAnswer::Done,
        Some(404) => WriteAnswer::NotFound,
        Some(418) => WriteAnswer::Exists,
        Some(code) => WriteAnswer::Failed(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &str, target: Option<&str>, status: Option<u16>, value: Option<&str>) -> Outcome {
        let target = target.map(str::to_owned);
        Outcome { tag: name.into(), target, status, original_error: None, value: value.map(str::to_owned) }
    }

    #[test]
    fn nothing_there_has_many_shapes() {
        for (status, value, expect) in [
            (Some(404), None, Reading::Absent),
            (Some(200), None, Reading::Absent),
            (Some(200), Some(" "), Reading::Absent),
            (None, None, Reading::Unanswered),
            (Some(405), None, Reading::Failed(405)),
            (Some(200), Some(" x "), Reading::Value("x".to_owned())),
        ] {
            let outcomes =
                [outcome("before", Some("./Vendor/MSFT/DMClient/Provider/P/Push/PFN"), status, value)];
            let seen = of(&outcomes, &"P".parse().unwrap());
            assert!(seen.before.pfn == expect, "{status:?} {value:?}");
            assert!(seen.after.pfn == Reading::Unanswered);
        }
    }

    #[test]
    fn our_provider_is_found_in_the_list() {
        for (children, expect) in [
            ("MS%20DM%20Server/Reveille", true),
            ("ms%20dm%20server", false),
            ("REVEILLE", true),
            ("Reveille2", false),
        ] {
            let outcomes =
                [outcome("providers", Some("./Vendor/MSFT/DMClient/Provider"), Some(200), Some(children))];
            assert!(
                of(&outcomes, &"Reveille".parse().unwrap()).provider == Reading::Value(expect),
                "{children}"
            );
        }
    }

    #[test]
    fn a_write_in_a_sequence_that_was_refused_never_ran() {
        for (sequence, write, expect) in [
            (Some(200), Some(200), WriteAnswer::Done),
            (Some(200), Some(201), WriteAnswer::Done),
            (Some(200), Some(404), WriteAnswer::NotFound),
            (Some(200), Some(418), WriteAnswer::Exists),
            (Some(200), Some(500), WriteAnswer::Failed(500)),
            (Some(200), Some(215), WriteAnswer::SequenceRefused),
            (Some(200), None, WriteAnswer::Unanswered),
            (Some(406), None, WriteAnswer::SequenceRefused),
            (Some(406), Some(406), WriteAnswer::SequenceRefused),
            (Some(500), Some(215), WriteAnswer::SequenceRefused),
            (Some(500), Some(200), WriteAnswer::Done),
        ] {
            let outcomes =
                [outcome("sequence", None, sequence, None), outcome("write", Some("./x"), write, None)];
            assert_eq!(super::write(&outcomes), Some(expect), "{sequence:?} {write:?}");
        }
        assert_eq!(super::write(&[]), None);
        let with_delete = |sequence, delete| {
            [
                outcome("sequence", None, sequence, None),
                outcome("delete", Some("./x"), delete, None),
                outcome("write", Some("./x/y"), Some(215), None),
            ]
        };
        // There was nothing to delete, and the Sequence ended there.
        assert_eq!(super::write(&with_delete(Some(200), Some(404))), Some(WriteAnswer::Failed(215)));
        assert_eq!(super::write(&with_delete(Some(406), Some(215))), Some(WriteAnswer::SequenceRefused));
    }

    #[test]
    fn polling_is_read_and_written_node_by_node() {
        let poll = "./Vendor/MSFT/DMClient/Provider/P/Poll";
        let target = |node: PollNode| format!("{poll}/{}", node.name());
        let (first, login) = (PollNode::IntervalForFirstSetOfRetries, PollNode::PollOnLogin);
        for (node, status, value, expect) in [
            (first, Some(200), Some("15"), Reading::Value(PollValue::Int(15))),
            (login, Some(200), Some("True"), Reading::Value(PollValue::Bool(true))),
            (first, Some(200), Some("soon"), Reading::Absent),
            (first, Some(404), None, Reading::Absent),
            (first, Some(405), None, Reading::Failed(405)),
            (first, None, None, Reading::Unanswered),
        ] {
            let seen = polling(&[outcome("poll", Some(&target(node)), status, value)]);
            assert_eq!(seen.read.get(&node), Some(&expect), "{status:?} {value:?}");
            assert!(seen.written.is_empty());
        }
        let answers = [
            outcome("poll.write", Some(&target(first)), Some(200), None),
            outcome("poll.write", Some(&target(login)), Some(418), None),
            outcome("poll.write", Some(&format!("{poll}/Unknown")), Some(200), None),
        ];
        let seen = polling(&answers);
        assert_eq!(seen.written, [(first, WriteAnswer::Done), (login, WriteAnswer::Exists)].into());
        assert!(seen.read.is_empty());
    }
}
