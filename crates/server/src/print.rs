//! The standard output.

use std::{
    io::{ErrorKind, IsTerminal, Write},
    ops::ControlFlow,
};

use ratatui::crossterm::terminal::size;

use crate::failure::{Failure, Outcome};

mod page;
mod table;

pub(crate) use page::{Colours, Page, Tone};
pub(crate) use table::{Cell, Table};

/// Puts the cursor of a terminal at the upper left of an empty screen.
const EMPTY_SCREEN: &str = "\u{1b}[2J\u{1b}[H";

/// What is longer than a line ends at the edge, or goes on in the next line.
const NO_WRAPPING: &str = "\u{1b}[?7l";
const WRAPPING: &str = "\u{1b}[?7h";

/// Prints a line. A reader that went away, such as `head`, is no failure.
pub(crate) fn line(text: impl std::fmt::Display) -> Outcome {
    one_of_many(text).map(drop)
}

/// Prints one of many lines, and breaks off if the reader went away.
pub(crate) fn one_of_many(text: impl std::fmt::Display) -> Result<ControlFlow<()>, Failure> {
    self::text(&format!("{}\n", plain(&text.to_string())))
}

/// Prints a page, with colours on a terminal.
pub(crate) fn page(page: &Page) -> Outcome {
    one_page_of_many(page).map(drop)
}

/// Prints one of many pages, and breaks off if the reader went away.
pub(crate) fn one_page_of_many(page: &Page) -> Result<ControlFlow<()>, Failure> {
    text(&format!("{}\n", page.render(Colours::of_stdout())))
}

/// Prints as much of a page as fits in place of the last one if there is a terminal, and otherwise all of it below.
pub(crate) fn picture(page: &Page) -> Result<ControlFlow<()>, Failure> {
    let page = page.render(Colours::of_stdout());
    if !is_steerable(&std::io::stdout()) {
        return text(&format!("{page}\n\n"));
    }
    let height = size().map_or(usize::MAX, |(_, height)| usize::from(height));
    text(&format!("{EMPTY_SCREEN}{NO_WRAPPING}{}\n{WRAPPING}", fitting(&page, height)))
}

/// Whether this is a terminal that knows colours and moves its cursor.
pub(crate) fn is_steerable(stream: &impl IsTerminal) -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    stream.is_terminal() && !dumb
}

/// The first lines, and how many more there are. The cursor is below them.
fn fitting(page: &str, height: usize) -> String {
    let lines: Vec<_> = page.lines().collect();
    if lines.len() < height {
        return page.to_owned();
    }
    let shown = height.saturating_sub(2);
    format!("{}\n… {} more", lines[..shown].join("\n"), lines.len() - shown)
}

/// Prints some rows of a table.
pub(crate) fn rows(table: &Table) -> Result<ControlFlow<()>, Failure> {
    text(&format!("{}\n", table.render(Colours::of_stdout())))
}

/// Prints text as it is, and breaks off if the reader went away.
pub(crate) fn text(text: &str) -> Result<ControlFlow<()>, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(Failure::new(format!("The output cannot be written: {error}."))),
    }
}

/// Text that others wrote, without what would steer a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.replace(|char: char| char.is_control() && char != '\n', "\u{fffd}")
}

/// The same of text that is one line, whatever the others wrote.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// Prints JSON, for machines.
pub(crate) fn json(value: &impl serde::Serialize) -> Outcome {
    text(&format!("{}\n", to_json(value)?)).map(drop)
}

/// JSON for machines that people may look at, too.
pub(crate) fn to_json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map(escaped).map_err(|error| no_json(&error))
}

/// Prints one of many JSON values, each on a line of its own.
pub(crate) fn one_json_of_many(value: &impl serde::Serialize) -> Result<ControlFlow<()>, Failure> {
    let json = serde_json::to_string(value).map(escaped).map_err(|error| no_json(&error))?;
    text(&format!("{json}\n"))
}

/// JSON without the control characters that it allows in strings, and that would steer a terminal: the same to machines.
fn escaped(json: String) -> String {
    let allowed = |char| matches!(char, '\u{7f}'..='\u{9f}');
    if !json.contains(allowed) {
        return json;
    }
    let char = |char| if allowed(char) { format!("\\u{:04x}", u32::from(char)) } else { char.to_string() };
    json.chars().map(char).collect()
}

fn no_json(error: &serde_json::Error) -> Failure {
    Failure::new(format!("The answer cannot be written as JSON: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_to_the_height_of_the_terminal() {
        assert_eq!(fitting("a\nb\nc", 4), "a\nb\nc");
        assert_eq!(fitting("a\nb\nc", 3), "a\n… 2 more");
        assert_eq!(fitting("a\nb\nc", 1), "\n… 3 more");
    }

    #[test]
    fn a_terminal_is_not_steered() {
        assert_eq!(one_line("two\nlines"), "two\u{fffd}lines");
        let said = "\u{9b}31m\u{7f}\u{1b}\nä";
        let json = to_json(&said).unwrap();
        assert_eq!(json, r#""\u009b31m\u007f\u001b\nä""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), said);
        assert_eq!(plain("two\nlines, \u{1b}[31mred\u{7}"), "two\nlines, \u{fffd}[31mred\u{fffd}");
    }
}
