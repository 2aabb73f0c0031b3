//! `[[canary]]`: devices that the service wakes by a schedule, to see that waking works.

use std::{collections::BTreeSet, time::Duration};

use super::{Canary, Mistake, section::Section, value::quoted};

const NAME: &str = "a name of your choosing such as \"office\", of letters, digits, '-' and '_'";
const DEVICE: &str = "the name of a device, as `reveille devices list` shows it";
/// For so long after a wake's end its idempotency key is kept, which is what makes it one wake in a slot (DESIGN §7).
const LONGEST: Duration = Duration::from_hours(24);
/// A database is no clock.
const SHORTEST: Duration = Duration::from_secs(1);
/// A name is a label of metrics.
const LONGEST_NAME: usize = 63;

/// None only together with a mistake.
pub(super) fn read(section: &mut Section<'_, '_>) -> Option<Canary> {
    let name = name(section);
    let device = section.required("device", DEVICE).and_then(|text| {
        section.record("device", quoted(&text));
        text.parse().map_err(|why| section.mistake("device", format!("{why}: write {DEVICE}"))).ok()
    });
    let every = section.span("every", Duration::from_mins(15));
    let deadline = section.span("deadline", Duration::from_mins(5));
    if every > LONGEST {
        section.mistake(
            "every",
            "is longer than 24h: write a shorter one, so that a restart does not wake it again",
        );
    }
    if !every.is_zero() && every < SHORTEST {
        section.mistake("every", "is shorter than 1s: write a longer one");
    }
    if deadline > every {
        section.mistake("deadline", "is longer than every: a canary's wake ends before the next one is due");
    }
    Some(Canary { name: name?, device: device?, every, deadline })
}

fn name(section: &mut Section<'_, '_>) -> Option<String> {
    let text = section.required("name", NAME)?;
    section.record("name", quoted(&text));
    let known = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '_';
    if text.is_empty() || text.len() > LONGEST_NAME || !text.chars().all(known) {
        section.mistake("name", format!("is {}: write {NAME}", quoted(&text)));
        return None;
    }
    Some(text)
}

/// No two canaries may have the same name: they would be one in the metrics. And none may be woken more seldom than ended
/// wakes are forgotten, with their idempotency keys.
pub(super) fn check(canaries: &[Canary], history: Option<Duration>, mistakes: &mut Vec<Mistake>) {
    for canary in canaries.iter().filter(|canary| history.is_some_and(|history| canary.every > history)) {
        mistakes.push(Mistake::new(format!(
            "The canary {} is woken every {}, which is longer than store.history: make one of them fit, or it is woken twice.",
            canary.name,
            humantime::format_duration(canary.every)
        )));
    }
    let mut names = BTreeSet::new();
    for canary in canaries.iter().filter(|canary| !names.insert(&canary.name)) {
        let name = quoted(&canary.name);
        mistakes.push(Mistake::new(format!("Two canaries have the name {name}: give each its own.")));
    }
}

/// What a schedule costs that is shorter than what a channel may be sent.
pub(super) fn warnings(canaries: &[Canary], push: &::push::Settings) -> Vec<String> {
    let an_hour = Duration::from_hours(1);
    let most = u32::from(push.channel_hourly);
    let too_often = canaries.iter().filter(|canary| most > 0 && canary.every * most < an_hour);
    too_often
        .map(|canary| {
            format!(
                "The canary {} is woken every {}, and at most {most} pushes an hour go to one device: some of its wakes \
                 will go unanswered.",
                canary.name,
                humantime::format_duration(canary.every)
            )
        })
        .collect()
}
