//! The standard output.

use std::io::{ErrorKind, Write};

use crate::failure::{Failure, Outcome};

/// Prints a line. A reader that went away, such as `head`, is no failure.
pub(crate) fn line(text: impl std::fmt::Display) -> Outcome {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{}", plain(&text.to_string())).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("The output cannot be written: {error}.")))
        }
        _ => Ok(()),
    }
}

/// Text that others wrote, without what would steer a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.replace(|char: char| char.is_control() && char != '\n', "\u{fffd}")
}

/// Prints JSON, for machines.
pub(crate) fn json(value: &impl serde::Serialize) -> Outcome {
    let text = serde_json::to_string_pretty(value);
    line(text.map_err(|error| Failure::new(format!("The answer cannot be written as JSON: {error}.")))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_steered() {
        assert_eq!(plain("two\nlines, \u{1b}[31mred\u{7}"), "two\nlines, \u{fffd}[31mred\u{fffd}");
    }
}
