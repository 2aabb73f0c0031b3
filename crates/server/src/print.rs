//! The standard output.

use std::{
    io::{ErrorKind, Write},
    ops::ControlFlow,
};

use crate::failure::{Failure, Outcome};

/// Prints a line. A reader that went away, such as `head`, is no failure.
pub(crate) fn line(text: impl std::fmt::Display) -> Outcome {
    one_of_many(text).map(drop)
}

/// Prints one of many lines, and breaks off if the reader went away.
pub(crate) fn one_of_many(text: impl std::fmt::Display) -> Result<ControlFlow<()>, Failure> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{}", plain(&text.to_string())).and_then(|()| out.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(Failure::new(format!("The output cannot be written: {error}."))),
    }
}

/// Text that others wrote, without what would steer a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.replace(|char: char| char.is_control() && char != '\n', "\u{fffd}")
}

/// Prints JSON, for machines.
pub(crate) fn json(value: &impl serde::Serialize) -> Outcome {
    line(serde_json::to_string_pretty(value).map_err(|error| no_json(&error))?)
}

/// Prints one of many JSON values, each on a line of its own.
pub(crate) fn one_json_of_many(value: &impl serde::Serialize) -> Result<ControlFlow<()>, Failure> {
    one_of_many(serde_json::to_string(value).map_err(|error| no_json(&error))?)
}

fn no_json(error: &serde_json::Error) -> Failure {
    Failure::new(format!("The answer cannot be written as JSON: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_steered() {
        assert_eq!(plain("two\nlines, \u{1b}[31mred\u{7}"), "two\nlines, \u{fffd}[31mred\u{fffd}");
    }
}
