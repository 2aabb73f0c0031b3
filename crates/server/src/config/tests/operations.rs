//! The operator's guide lists every setting with its default.

use std::{collections::BTreeSet, fs};

use super::{DEFAULT, Engine, read};

/// Settings with their defaults, as TOML. None: it has no default, and stands in the file as a comment.
type Settings = BTreeSet<(String, Option<String>)>;

#[test]
fn the_guide_lists_every_setting_and_no_other() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let told = of_guide(&fs::read_to_string(guide).unwrap());
    let exist = of_file(DEFAULT);
    assert!(exist.len() > 100, "{exist:?}");
    let missing: Vec<_> = exist.difference(&told).collect();
    let wrong: Vec<_> = told.difference(&exist).collect();
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
        let default = cells.next()?;
        let default = default.strip_prefix('`').and_then(|text| text.strip_suffix('`'));
        (!key.starts_with('[')).then(|| (key.to_owned(), default.map(str::to_owned)))
    };
    settings.lines().filter_map(row).collect()
}

fn of_file(text: &str) -> Settings {
    let mut section = "";
    let mut found = Settings::new();
    for line in text.lines() {
        let (commented, line) = match line.strip_prefix("# ") {
            Some(line) => (true, line),
            None => (false, line),
        };
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = header.trim_matches(['[', ']']);
        } else if let Some((key, value)) = setting(line) {
            found.insert((format!("{section}.{key}"), (!commented).then(|| value.to_owned())));
        }
    }
    found
}

/// `key = value`, without the comment after it.
fn setting(line: &str) -> Option<(&str, &str)> {
    let (key, rest) = line.split_once(" = ")?;
    let is_key = key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let mut quoted = false;
    let end = rest.char_indices().find(|&(_, c)| {
        quoted ^= c == '"';
        c == '#' && !quoted
    });
    let value = end.map_or(rest, |(at, _)| &rest[..at]).trim_end();
    is_key.then_some((key, value))
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
    let expect = [("push.mode", Some("\"on # or\"")), ("push.wns_priority", None), ("canary.every", None)];
    let expect = expect.map(|(key, default)| (key.to_owned(), default.map(str::to_owned)));
    // The first line is prose that looks like one.
    let found: Settings = of_file(file).into_iter().filter(|(key, _)| key != ".about").collect();
    assert_eq!(found, Settings::from(expect));
}
