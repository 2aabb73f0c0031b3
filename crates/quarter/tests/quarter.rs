//! Three months of a thousand PCs, held to their promises.

use std::collections::BTreeMap;

use quarter::{Build, Mix, Report, Settings};

#[test]
fn quarter() {
    let report = quarter::run(&Settings::default());
    kept(&report);
    assert!(report.wakes_asked > 10_000);
    for build in &report.builds {
        // Renewal fails on old builds; what looks like one there is a URI that came long after its write.
        let renews = !matches!(build.build, Build::Windows81 | Build::Windows1511);
        assert_eq!(build.renewed > build.devices, renews, "{build:?}");
        assert!(build.reset > build.devices / 2 && build.died > 0, "{build:?}");
        // A policy that forbids cloud notifications is asked once a day; everybody else has a handful of writes.
        assert!(build.pfn_writes_max < 2 * 90 && build.pfn_writes_mean < 10.0, "{build:?}");
        assert!(sum(&build.answered) > sum(&build.unanswered), "{build:?}");
        assert!(build.median_seconds.is_some_and(|median| median < 60.0), "{build:?}");
    }
    assert!(report.builds.iter().any(|build| build.answered.contains_key("confirmed")));
    rolled_out(&report);
    println!("{report:?}");
}

/// Other fleets, and other lives: the promises are the same.
#[test]
fn quarter_of_other_fleets() {
    let run = |mix, seed| {
        let report = quarter::run(&Settings { devices: 250, seed, mix, ..Settings::default() });
        println!("{} {}", mix.name(), report.wakes_asked);
        kept(&report);
        report
    };
    let calm = run(Mix::Calm, 1);
    let offices = run(Mix::Offices, 2);
    let old = run(Mix::Old, 3);
    let hostile = run(Mix::Hostile, 4);
    let died = |report: &Report| report.builds.iter().map(|build| build.died).sum::<u64>();
    assert!(died(&calm) < died(&offices) && died(&offices) < died(&hostile), "they are what they are called");
    assert!(old.builds.iter().all(|build| build.build <= Build::Windows1511 || build.devices == 0));
}

fn kept(report: &Report) {
    let mix = report.mix;
    assert_eq!((report.broken, &report.violations[..]), (0, &[][..]), "{mix:?}");
    assert_eq!(report.unreached, [""; 0], "{mix:?}");
    assert_eq!(report.wakes_ended, report.wakes_asked, "{mix:?}");
    assert!(report.is_kept(), "{mix:?}");
}

/// The changed PFN reaches the fleet as fast as its budget lets it, and everybody in the end; nobody is without a channel
/// for that.
fn rolled_out(report: &Report) {
    let [first, .., last] = &report.rollout[..] else { panic!("a rollout takes more than a day") };
    assert!(first.live_on_new > 0 && first.moving > 0, "{first:?}");
    let all = last.live_on_new + last.waiting + last.moving + last.unset;
    assert!(all >= 1_000 && last.live_on_new * 100 > all * 90, "{last:?}");
    assert!(report.rollout.iter().all(|day| day.unset * 100 < all * 15), "{:?}", report.rollout);
}

#[test]
fn the_same_seed_is_the_same_quarter() {
    let run = |seed| {
        format!("{:?}", quarter::run(&Settings { devices: 20, days: 20, seed, ..Settings::default() }))
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

fn sum(counts: &BTreeMap<&str, u64>) -> u64 {
    counts.values().sum()
}
