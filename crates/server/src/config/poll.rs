//! `[push.poll]`: the polling schedule that devices are to have. Its keys are named like the nodes (oma-dm.md §8.3).

use std::time::Duration;

use push::{PollLogins, PollSchedule, PollSet};

use super::section::Section;

/// None together with a mistake. What is not said is off.
pub(super) fn read(section: &mut Section<'_, '_>) -> Option<PollSchedule> {
    let first = set(section, "interval_for_first_set_of_retries", "number_of_first_retries");
    let second = set(section, "interval_for_second_set_of_retries", "number_of_second_retries");
    let remaining =
        set(section, "interval_for_remaining_scheduled_retries", "number_of_remaining_scheduled_retries");
    let logins = PollLogins {
        each: section.value("poll_on_login", false),
        first_of_each_user: section.value("all_users_poll_on_first_login", false),
    };
    let schedule = PollSchedule::new(first?, second?, remaining?, logins);
    schedule.map_err(|error| section.mistake_of_all(error)).ok()
}

fn set(section: &mut Section<'_, '_>, interval: &'static str, number: &'static str) -> Option<PollSet> {
    let span = section.value(interval, Duration::ZERO);
    let count = section.value(number, 0);
    let minutes = u32::try_from(span.as_secs() / 60).ok().filter(|minutes| minutes_of(*minutes) == span);
    if minutes.is_none() {
        let found = humantime::format_duration(span);
        section.mistake(interval, format!("is {found}: devices count in whole minutes, such as \"15m\""));
    }
    minutes.map(|interval| PollSet { interval, count })
}

fn minutes_of(minutes: u32) -> Duration {
    Duration::from_mins(minutes.into())
}
