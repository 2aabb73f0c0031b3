//! The operator's guide lists every setting with its default.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use super::{APP, DEFAULT, Engine, SECRET, read};

/// Settings with their defaults, as TOML; the guide's `–` is for those that have none.
type Settings = BTreeMap<String, String>;

/// Every section that there may be, with what must be written there.
const LEAST: &str = r#"
    [[canary]]
    name = "office"
    device = "ONE"
    [[push.rule]]
    label = "ring=pilot"
    mode = "on"
    [push.poll]
"#;
/// One of these must be written, too.
const INTERVALS: [&str; 2] =
    ["interval_for_first_set_of_retries", "interval_for_remaining_scheduled_retries"];

#[test]
fn the_guide_lists_every_setting_and_no_other() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let told = of_guide(&fs::read_to_string(guide).unwrap());
    let defaults: Settings = INTERVALS.into_iter().flat_map(defaults_beside).collect();
    let with_default = |key: &String| defaults.get(key).cloned().unwrap_or_else(|| "–".to_owned());
    let keys = of_file(DEFAULT);
    assert!(keys.len() > 100, "{keys:?}");
    let unknown: Vec<_> = defaults.keys().filter(|key| !keys.contains(*key)).collect();
    assert!(unknown.is_empty(), "config.default.toml lacks {unknown:#?}");
    let exist: Settings = keys.into_iter().map(|key| (key.clone(), with_default(&key))).collect();
    let missing: Vec<_> = exist.iter().filter(|(key, default)| told.get(*key) != Some(default)).collect();
    let wrong: Vec<_> = told.iter().filter(|(key, default)| exist.get(*key) != Some(default)).collect();
    assert!(
        missing.is_empty() && wrong.is_empty(),
        "docs/operations.md lacks {missing:#?} and has {wrong:#?}"
    );
}

/// Rows such as ``| `push.mode` | `"on"` | … |``.
fn of_guide(text: &str) -> Settings {
    let (_, settings) = text.split_once("\n## Settings\n").unwrap();
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let key = cells.next()?.strip_suffix('`')?;
        let cell = cells.next()?;
        let code = cell.strip_prefix('`').and_then(|text| text.strip_suffix('`'));
        assert!(code.is_some() || ["–", "default"].contains(&cell), "{key}: {cell}");
        (!key.starts_with('[')).then(|| (key.to_owned(), code.unwrap_or(cell).to_owned()))
    };
    settings.lines().filter_map(row).collect()
}

/// What is in effect without being written, if little more than this interval of `[push.poll]` is.
fn defaults_beside(interval: &str) -> Settings {
    let text = format!("{LEAST}{interval} = \"8h\"\n{APP}");
    let config = read(&text, &[("WNS_SECRET", SECRET)]).unwrap();
    let tables = config.effective.tables().flat_map(|(header, settings)| {
        let section = header.trim_matches(['[', ']']);
        settings.iter().map(move |(key, value)| (format!("{section}.{key}"), value.clone()))
    });
    let written = of_file(&text);
    tables.filter(|(key, _)| !written.contains(key)).collect()
}

/// The settings that a file tells of, commented or not.
fn of_file(text: &str) -> BTreeSet<String> {
    let mut section = "";
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let line = line.trim_start();
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = header.trim_matches(['[', ']']);
        } else if let Some((key, _)) = line.split_once(" = ")
            && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        {
            found.insert(format!("{section}.{key}"));
        }
    }
    found
}

#[test]
fn the_configuration_for_compose_has_no_mistakes() {
    let secrets = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("store_url", "postgres://reveille:password@postgres/reveille"),
        ("reveille_key", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n"),
        ("wns_secret", "a secret"),
    ] {
        fs::write(secrets.path().join(name), text).unwrap();
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/compose/reveille.toml");
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains("/run/secrets/"), "{text}");
    let config = read(&text.replace("/run/secrets", &secrets.path().display().to_string()), &[]).unwrap();
    assert_eq!(config.store.engine, Engine::Postgres);
}

#[test]
fn reads_the_settings_of_a_file() {
    let file = "# about = things\n[push]\nmode = \"on # or\"   # why\n# wns_priority = 1\n\n# [[canary]]\n# every = \"15m\"";
    // The first line is prose that looks like one.
    let expect = [".about", "canary.every", "push.mode", "push.wns_priority"];
    assert_eq!(of_file(file), expect.map(str::to_owned).into());
}
