//! What is written about metrics and log lines agrees with what there is: the operator's guide, the alerts, the dashboard.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::{Kind, Listed, metrics};

/// Labels that Prometheus itself adds.
const SCRAPED: [&str; 2] = ["instance", "job"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of the tables of a guide: the cells of each, without spaces around them.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter_map(|line| {
        let cells = line.strip_prefix('|')?.strip_suffix('|')?;
        Some(cells.split('|').map(str::trim).collect())
    })
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    }
}

#[test]
fn the_guide_lists_every_metric_and_no_other() {
    let guide = read("docs/operations.md");
    let is_metric = |name: &str| name.starts_with("`reveille_") || name.starts_with("`process_");
    let told: BTreeSet<String> =
        rows(&guide).filter(|cells| is_metric(cells[0])).map(|cells| cells[..3].join(" | ")).collect();
    let row = |listed: &Listed| {
        let labels: Vec<_> = listed.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("`{}` | {} | {}", listed.name, kind(listed.kind), labels.join(", "))
    };
    let exist: BTreeSet<String> = metrics().catalogue().iter().map(row).collect();
    let missing: Vec<_> = exist.difference(&told).collect();
    let wrong: Vec<_> = told.difference(&exist).collect();
    assert!(
        missing.is_empty() && wrong.is_empty(),
        "docs/operations.md lacks {missing:#?} and has {wrong:#?}"
    );
}

#[test]
fn the_alerts_use_metrics_and_labels_that_exist() {
    let used = check_queries(&read("deploy/prometheus/alerts.yml"));
    assert!(used.len() > 10, "{used:?}");
    check_queries(&read("deploy/prometheus/alerts.test.yml"));
}

#[test]
fn the_dashboard_uses_metrics_and_labels_that_exist() {
    let text = read("deploy/grafana/dashboards/reveille.json");
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let mut used = BTreeSet::new();
    for target in targets {
        used.extend(check_queries(target["expr"].as_str().unwrap()));
    }
    let exist: BTreeSet<_> = metrics().catalogue().into_iter().map(|listed| listed.name).collect();
    let unseen: Vec<_> = exist.difference(&used).filter(|name| name.starts_with("reveille_")).collect();
    assert!(unseen.is_empty(), "nobody sees {unseen:?}");
}

/// Looks at each metric in a text of queries, with the labels that it is selected by. Returns the metrics.
fn check_queries(text: &str) -> BTreeSet<String> {
    let catalogue: BTreeMap<_, _> =
        metrics().catalogue().into_iter().map(|listed| (listed.name.clone(), listed)).collect();
    let mut used = BTreeSet::new();
    for (name, rest) in names(text) {
        let listed = family(&catalogue, name).unwrap_or_else(|| panic!("there is no metric {name}"));
        for label in selected_by(rest) {
            let is_bucket = label == "le" && listed.kind == Kind::Histogram;
            let known = is_bucket || SCRAPED.contains(&label) || listed.labels.iter().any(|l| l == label);
            assert!(known, "{name} has no label {label}");
        }
        used.insert(listed.name.clone());
    }
    used
}

/// The names that look like metrics, each with what follows it.
fn names(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = ["reveille_", "process_"].into_iter().flat_map(|start| text.match_indices(start));
    starts.filter_map(move |(at, _)| {
        let whole = !text[..at].ends_with(is_part);
        let end = text[at..].find(|c| !is_part(c)).map_or(text.len(), |end| at + end);
        whole.then(|| (&text[at..end], &text[end..]))
    })
}

/// The metric that a series belongs to.
fn family<'a>(catalogue: &'a BTreeMap<String, Listed>, name: &str) -> Option<&'a Listed> {
    let of_histogram = ["_bucket", "_count", "_sum"].into_iter().filter_map(|part| name.strip_suffix(part));
    let histogram = of_histogram.filter_map(|name| catalogue.get(name)).find(|l| l.kind == Kind::Histogram);
    histogram.or_else(|| catalogue.get(name))
}

/// The labels in the braces that follow a name.
fn selected_by(rest: &str) -> Vec<&str> {
    let Some(inner) = rest.strip_prefix('{') else { return Vec::new() };
    let mut labels = Vec::new();
    let mut left = inner;
    // A value may hold anything but a quote.
    while let Some(at) = left.find(['"', '}']).filter(|&at| left[at..].starts_with('"')) {
        labels.push(left[..at].trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
        let value = &left[at + 1..];
        left = value.find('"').map_or("", |end| &value[end + 1..]);
    }
    labels
}

#[test]
fn reads_what_a_metric_is_selected_by() {
    let query =
        r#"sum(rate(reveille_wakes_total{outcome="x}",reason!~"a|b", le="1"}[5m])) / reveille_wakes_live"#;
    let found: Vec<_> = names(query).map(|(name, rest)| (name, selected_by(rest))).collect();
    assert_eq!(
        found,
        [("reveille_wakes_total", vec!["outcome", "reason", "le"]), ("reveille_wakes_live", vec![])]
    );
}

#[test]
fn the_guide_tells_what_to_do_about_every_warning_and_error() {
    let guide = read("docs/operations.md");
    let told: BTreeSet<String> = rows(&guide)
        .filter(|cells| ["warn", "error"].contains(&cells[0]))
        .map(|cells| format!("{} | {}", cells[0], cells[1]))
        .collect();
    let mut said = BTreeSet::new();
    for file in sources() {
        said.extend(lines_of(&read(file)));
    }
    let missing: Vec<_> = said.difference(&told).collect();
    let wrong: Vec<_> = told.difference(&said).collect();
    assert!(
        missing.is_empty() && wrong.is_empty(),
        "docs/operations.md lacks {missing:#?} and has {wrong:#?}"
    );
}

/// The sources of the service: not of the simulations, and no tests.
fn sources() -> Vec<PathBuf> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for package in fs::read_dir(root().join("crates")).unwrap() {
        let package = package.unwrap().path();
        let simulates = ["simulator", "quarter"].iter().any(|name| package.ends_with(name));
        if !simulates && package.is_dir() {
            walk(&package.join("src"), &mut found);
        }
    }
    let is_test = |path: &PathBuf| {
        path.ends_with("tests.rs") || path.ends_with("guide.rs") || path.iter().any(|part| part == "tests")
    };
    found.retain(|path| !is_test(path));
    found
}

/// The warnings and errors of a source: their level and their words. Words that are wholly made up at run time have none.
fn lines_of(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for level in ["warn", "error"] {
        for (at, start) in source.match_indices(&format!("tracing::{level}!(")) {
            let Some(words) = last_text(&source[at + start.len()..]) else { continue };
            if !(words.starts_with('{') && words.ends_with('}')) {
                found.insert(format!("{level} | {words}"));
            }
        }
    }
    found
}

/// The last text among the arguments of a macro.
fn last_text(arguments: &str) -> Option<&str> {
    let (mut depth, mut text, mut begun) = (1, None, None);
    for (at, c) in arguments.char_indices() {
        match (c, begun) {
            ('"', None) => begun = Some(at + 1),
            ('"', Some(start)) => (text, begun) = (Some(&arguments[start..at]), None),
            ('(', None) => depth += 1,
            (')', None) => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    text
}

#[test]
fn reads_the_words_of_a_log_line() {
    let source = r#"tracing::warn!(device = %name(1), why = "x", "it (still) fails: {why}"); tracing::error!("{mistake}");"#;
    assert_eq!(lines_of(source), BTreeSet::from(["warn | it (still) fails: {why}".to_owned()]));
}
