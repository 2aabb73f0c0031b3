//! `simulate quarter`

use std::fmt::Display;

use quarter::{BuildReport, Report, Settings};
use tokio_util::sync::CancellationToken;

use crate::{
    cli::SimulateQuarter,
    failure::{Failure, Outcome},
    print::{self, Table},
};

/// Lets the days pass and prints what they came to.
pub(super) async fn run(command: SimulateQuarter, shutdown: CancellationToken) -> Outcome {
    let settings =
        Settings { devices: command.devices, days: command.days, seed: command.seed, mix: command.mix };
    let (sender, report) = tokio::sync::oneshot::channel();
    // A thread of its own, so that whoever stops it need not wait for its end. Nobody may be there to take the report.
    std::thread::spawn(move || drop(sender.send(quarter::run(&settings))));
    let Some(report) = shutdown.run_until_cancelled(report).await else { return Ok(()) };
    let report = report.map_err(|_| Failure::new("The simulation broke off.".to_owned()))?;
    if command.json {
        print::json(&report)?;
    } else {
        tell(&report)?;
    }
    if report.is_kept() { Ok(()) } else { Err(Failure::new("Promises were broken.".to_owned())) }
}

fn tell(report: &Report) -> Outcome {
    print::line(format!(
        "{} days of a fleet that is {}, seed {}\n",
        report.days,
        report.mix.name(),
        report.seed
    ))?;
    print::line(channels(&report.builds))?;
    print::line(format!("\n{}", wakes(&report.builds)))?;
    print::line(format!("\n{}", rollout(report)))?;
    for unreached in &report.unreached {
        print::line(format!("not set up: {unreached}"))?;
    }
    for violation in &report.violations {
        print::line(format!("broken: {violation}"))?;
    }
    Ok(())
}

fn channels(builds: &[BuildReport]) -> Table {
    let mut table = Table::new([
        "BUILD",
        "DEVICES",
        "LIVE",
        "SESSIONS",
        "RENEWED",
        "RESET",
        "DIED",
        "WRITES MEAN",
        "MAX",
        "NOT LIVE",
    ]);
    for build in builds {
        let live = build.states.get("live").copied().unwrap_or_default();
        let others = build.states.iter().filter(|(state, _)| *state != "live");
        table.row([
            build.build.name().to_owned(),
            build.devices.to_string(),
            live.to_string(),
            build.sessions.to_string(),
            build.renewed.to_string(),
            build.reset.to_string(),
            build.died.to_string(),
            format!("{:.1}", build.pfn_writes_mean),
            build.pfn_writes_max.to_string(),
            counted(others),
        ]);
    }
    table
}

fn wakes(builds: &[BuildReport]) -> Table {
    let mut table =
        Table::new(["BUILD", "PUSHES", "CONFIRMED", "LIKELY", "COINCIDENCE", "MEDIAN", "NOT ANSWERED"]);
    for build in builds {
        let answered = |name: &str| build.answered.get(name).copied().unwrap_or_default().to_string();
        table.row([
            build.build.name().to_owned(),
            build.pushes.values().sum::<u64>().to_string(),
            answered("confirmed"),
            answered("likely"),
            answered("coincidence"),
            build.median_seconds.map(|seconds| format!("{seconds:.1} s")).unwrap_or_default(),
            counted(&build.unanswered),
        ]);
    }
    table
}

/// The changed PFN by midnight; days on which nothing moved are left out.
fn rollout(report: &Report) -> Table {
    let mut table = Table::new(["PFN ON DAY", "LIVE ON NEW", "WAITING", "MOVING", "UNSET"]);
    let mut told = 0;
    for day in &report.rollout {
        let last = Some(day) == report.rollout.last();
        if day.moving != told || last {
            let counts = [day.live_on_new, day.waiting, day.moving, day.unset].map(|count| count.to_string());
            let [live, waiting, moving, unset] = counts;
            table.row([day.day.to_string(), live, waiting, moving, unset]);
        }
        told = day.moving;
    }
    table
}

fn counted<'a, K: Display + 'a>(counts: impl IntoIterator<Item = (&'a K, &'a u64)>) -> String {
    let parts: Vec<_> = counts.into_iter().map(|(name, count)| format!("{count} {name}")).collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_is_counted_is_named() {
        let counts = BTreeMap::from([("dead", 2), ("unset", 1)]);
        assert_eq!(counted(&counts), "2 dead, 1 unset");
    }

    #[test]
    fn a_report_becomes_three_tables() {
        let report = quarter::run(&Settings { devices: 8, days: 12, seed: 3, ..Settings::default() });
        let tables = [channels(&report.builds), wakes(&report.builds), rollout(&report)];
        let lines = tables.map(|table| table.to_string().lines().count());
        assert_eq!(lines[..2], [5, 5], "a heading, and a line for each build");
        assert!(lines[2] > 1);
    }
}
