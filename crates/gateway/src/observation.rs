//! What a device answered to our housekeeping, in the words of `push` and of the store.

use dm::Outcome;
use model::ProviderId;
use percent_encoding::percent_decode_str;
use push::{Observation, Reading, Readings, WriteAnswer};
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

fn write(outcomes: &[Outcome]) -> Option<WriteAnswer> {
    let status =
        |name: &str| outcomes.iter().find(|outcome| outcome.tag.as_str() == name).map(|it| it.status);
    let write = status(tag::WRITE)?;
    let sequence = status(tag::SEQUENCE).flatten();
    let refused = matches!(sequence, Some(400 | 405 | 406 | 500))
        && (write.is_none_or(|code| code == 215) || write == sequence);
    Some(match write {
        _ if refused => WriteAnswer::SequenceRefused,
        None => WriteAnswer::Unanswered,
        Some(200..=299) if write != Some(215) => WriteAnswer::Done,
        Some(404) => WriteAnswer::NotFound,
        Some(418) => WriteAnswer::Exists,
        Some(code) => WriteAnswer::Failed(code),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &str, target: Option<&str>, status: Option<u16>, value: Option<&str>) -> Outcome {
        let target = target.map(str::to_owned);
        Outcome { tag: name.into(), target, status, value: value.map(str::to_owned) }
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
            (Some(200), Some(215), WriteAnswer::Failed(215)),
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
    }
}
