//! `[[canary]]`.

use std::time::Duration;

use super::{DEFAULT, mistakes, read};

fn canary(lines: &str) -> String {
    format!("[[canary]]\n{lines}")
}

#[test]
fn the_example_works() {
    let lines = DEFAULT.lines().skip_while(|line| *line != "# [[canary]]");
    let commented = lines.map_while(|line| line.strip_prefix("# "));
    let config = read(&commented.collect::<Vec<_>>().join("\n"), &[]).unwrap();
    let minutes = Duration::from_mins;
    assert_eq!((config.canaries[0].every, config.canaries[0].deadline), (minutes(15), minutes(5)));
    assert_eq!(config.canaries, read(&canary("name = \"office\"\ndevice = \"…\""), &[]).unwrap().canaries);
}

#[test]
fn mistakes_are_sentences() {
    for (lines, says) in [
        ("device = \"D\"", "canary[0].name is missing: write a name of your choosing such as \"office\""),
        ("name = \"a b\"\ndevice = \"D\"", "canary[0].name is \"a b\": write a name of your choosing"),
        ("name = \"a\"", "canary[0].device is missing: write the name of a device"),
        ("name = \"a\"\ndevice = \"\"", "canary[0].device must not be empty: write the name of a device"),
        ("name = \"a\"\ndevice = \"D\"\nevery = \"0s\"", "canary[0].every is zero"),
        ("name = \"a\"\ndevice = \"D\"\nevery = \"2d\"", "canary[0].every is longer than 24h"),
        ("name = \"a\"\ndevice = \"D\"\nevery = \"1ms\"", "canary[0].every is shorter than 1s"),
        (
            "name = \"a\"\ndevice = \"D\"\nevery = \"2h\"\n[store]\nhistory = \"1h\"",
            "The canary a is woken every 2h, which is longer than store.history",
        ),
        (
            "name = \"a\"\ndevice = \"D\"\nevery = \"4m\"",
            "canary[0].deadline is longer than every: a canary's wake ends before the next one is due",
        ),
        (
            "name = \"a\"\ndevice = \"D\"\n[[canary]]\nname = \"a\"\ndevice = \"E\"",
            "Two canaries have the name \"a\": give each its own.",
        ),
    ] {
        let found = mistakes(&canary(lines));
        assert!(found.iter().any(|it| it.starts_with(says)), "{lines}: {found:?}");
    }
}

#[test]
fn a_schedule_that_the_channel_does_not_allow_is_worth_a_word() {
    let warnings = |every: &str| {
        let lines = format!("name = \"a\"\ndevice = \"D\"\ndeadline = \"10s\"\nevery = \"{every}\"");
        let warnings = read(&canary(&lines), &[]).unwrap().warnings();
        warnings.into_iter().filter(|it| it.contains("canary")).collect::<Vec<_>>()
    };
    assert_eq!(
        warnings("1m"),
        [
            "The canary a is woken every 1m, and at most 30 pushes an hour go to one device: some of its wakes will go \
          unanswered."
        ]
    );
    assert_eq!(warnings("2m"), Vec::<String>::new());
}
