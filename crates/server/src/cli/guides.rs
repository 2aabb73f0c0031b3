//! The commands that the guides and the alerts tell are commands that there are.

use std::{fs, path::Path};

use clap::error::ErrorKind;

use super::*;

/// What tells commands, below the root of the repository.
const GUIDES: [&str; 5] = ["README.md", "CHANGELOG.md", "docs", "deploy", "clients"];

#[test]
fn every_command_that_is_told_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut told = 0;
    for guide in GUIDES {
        for (file, text) in texts(&root.join(guide)) {
            for command in commands(&text) {
                told += 1;
                if let Some(error) = mistake(&command) {
                    panic!("{file}: {command}: {error}");
                }
            }
        }
    }
    assert!(told > 60, "only {told} commands were found");
}

/// The files below a path that are read by people, or hold what they read.
fn texts(path: &Path) -> Vec<(String, String)> {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        return entries.flat_map(|path| texts(&path)).collect();
    }
    let told =
        path.extension().is_some_and(|extension| ["md", "yml", "yaml"].iter().any(|e| extension == *e));
    if !told || path.iter().any(|part| part == "reference") {
        return Vec::new();
    }
    vec![(path.display().to_string(), fs::read_to_string(path).unwrap())]
}

/// The commands between backticks, and those that are lines of their own.
fn commands(text: &str) -> Vec<String> {
    let text = text.replace("\\\n", " ");
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            found.extend(of_line(line));
        } else {
            found.extend(
                line.split('`').skip(1).step_by(2).filter(|inline| is_command(inline)).map(str::to_owned),
            );
        }
    }
    found
}

fn is_command(text: &str) -> bool {
    text.starts_with("reveille ") && !text.contains('{')
}

/// The command in a line of shell: without its comment, what is set for it, and where its output goes.
fn of_line(line: &str) -> Option<String> {
    let line = line.split(" #").next().unwrap_or_default();
    line.split(['|', '>']).map(str::trim).find_map(|part| {
        let is_set = |word: &str| word.split_once('=').is_some_and(|(name, _)| !name.starts_with('-'));
        let words: Vec<_> = part.split_whitespace().skip_while(|word| is_set(word)).collect();
        let (program, rest) = words.split_first()?;
        (*program == "reveille" || program.ends_with("/reveille"))
            .then(|| format!("reveille {}", rest.join(" ")))
    })
}

/// What is wrong with a command. A guide may leave out what a command needs, or write `…` for it.
fn mistake(command: &str) -> Option<String> {
    let error = Cli::try_parse_from(command.replace('…', "x").split_whitespace()).err()?;
    let incomplete = [
        ErrorKind::MissingRequiredArgument,
        ErrorKind::MissingSubcommand,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
        ErrorKind::DisplayHelp,
    ];
    let left_out = command.contains('…') && error.kind() == ErrorKind::ValueValidation;
    (!left_out && !incomplete.contains(&error.kind())).then(|| error.to_string())
}

#[test]
fn commands_are_found_and_judged() {
    let text = "See `reveille wake NAME --wait`, or `reveilles`.\n```sh\nA=b target/release/reveille config default > f   # all\n\
                x | reveille devices \\\n  list --state dead\n```\n";
    let found = commands(text);
    assert_eq!(
        found,
        ["reveille wake NAME --wait", "reveille config default", "reveille devices list --state dead"]
    );
    let wrong: Vec<_> = found.iter().map(|command| mistake(command).is_some()).collect();
    assert_eq!(wrong, [false, false, true]);
}
