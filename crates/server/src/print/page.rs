//! Lines and tables of which some are coloured, if there is a terminal that shows colours.

use std::fmt;

use super::{Table, is_steerable, one_line};

/// What a line or a cell of a table is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    /// A heading.
    Strong,
    Good,
    /// Worth a look.
    Odd,
    Bad,
}

/// Whether colours are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colours {
    Shown,
    None,
}

/// What is printed at once.
#[derive(Debug, Default)]
pub(crate) struct Page(Vec<Block>);

#[derive(Debug)]
enum Block {
    Line(Tone, String),
    Table(Table),
}

impl Colours {
    /// What suits the standard output: colours on a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
    pub(crate) fn of_stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if is_steerable(&std::io::stdout()) && !unwanted { Self::Shown } else { Self::None }
    }

    /// The text as one line, without what would steer a terminal, in the colour of its tone.
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match (self, tone) {
            (Self::None, _) | (Self::Shown, Tone::Plain) => return one_line(text),
            (Self::Shown, Tone::Strong) => 1,
            (Self::Shown, Tone::Good) => 32,
            (Self::Shown, Tone::Odd) => 33,
            (Self::Shown, Tone::Bad) => 31,
        };
        format!("\u{1b}[{code}m{}\u{1b}[0m", one_line(text))
    }
}

impl Page {
    pub(crate) fn line(&mut self, text: impl Into<String>) {
        self.toned(Tone::Plain, text);
    }

    /// Text of several lines. What devices say of themselves is not among it: it could make up lines.
    pub(crate) fn text(&mut self, tone: Tone, text: &str) {
        text.lines().for_each(|line| self.toned(tone, line));
    }

    pub(crate) fn toned(&mut self, tone: Tone, text: impl Into<String>) {
        self.0.push(Block::Line(tone, text.into()));
    }

    pub(crate) fn lines(&mut self, lines: impl IntoIterator<Item = String>) {
        self.0.extend(lines.into_iter().map(|line| Block::Line(Tone::Plain, line)));
    }

    pub(crate) fn table(&mut self, table: Table) {
        self.0.push(Block::Table(table));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of it as text, without a line's end at the end.
    pub(crate) fn render(&self, colours: Colours) -> String {
        let block = |block: &Block| match block {
            Block::Line(tone, text) => colours.paint(*tone, text),
            Block::Table(table) => table.render(colours),
        };
        self.0.iter().map(block).collect::<Vec<_>>().join("\n")
    }
}

impl From<Table> for Page {
    fn from(table: Table) -> Self {
        Self(vec![Block::Table(table)])
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Colours::None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_a_tone_is_coloured_and_only_where_colours_show() {
        let mut page = Page::default();
        page.line("one");
        page.toned(Tone::Bad, "two\u{1b}[0m");
        let mut table = Table::new(["NAME", "STATE"]);
        table.row([("D".into(), Tone::Plain), ("live".into(), Tone::Good)]);
        page.table(table);
        assert_eq!(page.to_string(), "one\ntwo\u{fffd}[0m\nNAME  STATE\nD     live");
        assert_eq!(
            page.render(Colours::Shown),
            "one\n\u{1b}[31mtwo\u{fffd}[0m\u{1b}[0m\n\u{1b}[1mNAME\u{1b}[0m  \u{1b}[1mSTATE\u{1b}[0m\nD     \
             \u{1b}[32mlive\u{1b}[0m"
        );
    }
}
