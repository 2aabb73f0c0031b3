//! `[push.poll]`.

use ::push::{PollNode, PollValue};

use super::{DEFAULT, mistakes, read};

fn poll(lines: &str) -> String {
    format!("[push.poll]\n{lines}")
}

#[test]
fn without_the_section_polling_is_left_alone() {
    let config = read("[push]\npoll_every = \"1d\"", &[]).unwrap();
    assert_eq!(config.push.poll, None);
    assert!(!config.effective.to_string().contains("push.poll]"));
}

#[test]
fn the_example_works() {
    let lines = DEFAULT.lines().skip_while(|line| *line != "# [push.poll]");
    let commented = lines.map_while(|line| line.strip_prefix("# "));
    let config = read(&commented.collect::<Vec<_>>().join("\n"), &[]).unwrap();
    let schedule = config.push.poll.unwrap();
    for (node, value) in [
        (PollNode::IntervalForFirstSetOfRetries, PollValue::Int(3)),
        (PollNode::NumberOfFirstRetries, PollValue::Int(5)),
        (PollNode::IntervalForSecondSetOfRetries, PollValue::Int(15)),
        (PollNode::NumberOfSecondRetries, PollValue::Int(8)),
        (PollNode::IntervalForRemainingScheduledRetries, PollValue::Int(480)),
        (PollNode::NumberOfRemainingScheduledRetries, PollValue::Int(0)),
        (PollNode::PollOnLogin, PollValue::Bool(true)),
        (PollNode::AllUsersPollOnFirstLogin, PollValue::Bool(false)),
    ] {
        assert_eq!(schedule.value(node), value, "{node:?}");
    }
    assert!(config.effective.to_string().contains("interval_for_second_set_of_retries = \"15m\""));
}

#[test]
fn one_key_is_enough() {
    let variable = "REVEILLE__PUSH__POLL__INTERVAL_FOR_REMAINING_SCHEDULED_RETRIES";
    let config = read("", &[(variable, "8h")]).unwrap();
    assert!(config.push.poll.is_some());
}

#[test]
fn schedules_that_devices_would_correct_are_refused() {
    for (lines, says) in [
        ("", "push.poll has no set with an interval: a device would poll once a day"),
        ("poll_on_login = true", "push.poll has no set with an interval"),
        (
            "interval_for_first_set_of_retries = \"15m\"\nnumber_of_first_retries = 10",
            "push.poll has no set that goes on without end",
        ),
        (
            "interval_for_first_set_of_retries = \"15m\"\ninterval_for_remaining_scheduled_retries = \"8h\"",
            "push.poll has a remaining set after the first one, which goes on without end",
        ),
        ("number_of_second_retries = 3", "push.poll has a number for the second set, but no interval"),
        (
            "interval_for_remaining_scheduled_retries = \"90s\"",
            "push.poll.interval_for_remaining_scheduled_retries is 1m 30s: devices count in whole minutes",
        ),
        ("interval = \"8h\"", "push.poll.interval is no setting that is known"),
        ("poll_on_login = \"yes\"", "push.poll.poll_on_login is \"yes\": write true or false"),
    ] {
        let found = mistakes(&poll(lines));
        assert!(found.iter().any(|it| it.starts_with(says)), "{lines}: {found:?}");
    }
    let found = mistakes("[push]\npoll = \"8h\"");
    assert_eq!(found, ["push.poll must be a section: write [push.poll] on a line of its own."]);
}
