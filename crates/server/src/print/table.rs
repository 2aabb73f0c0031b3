//! Aligned columns.

use std::fmt;

use unicode_width::UnicodeWidthStr;

use super::{Colours, Tone, one_line};

/// Rows under a line of headings. The last column may be as long as it likes.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
    widths: Vec<usize>,
}

/// Text of a cell and its tone.
#[derive(Debug)]
pub(crate) struct Cell(String, Tone);

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self(text, Tone::Plain)
    }
}

impl From<(String, Tone)> for Cell {
    fn from((text, tone): (String, Tone)) -> Self {
        Self(text, tone)
    }
}

impl Table {
    pub(crate) fn new<const N: usize>(headings: [&str; N]) -> Self {
        let mut table = Self { rows: Vec::new(), widths: Vec::new() };
        table.push(headings.map(|heading| Cell(heading.to_owned(), Tone::Strong)).into());
        table
    }

    /// Empty cells are shown as a dash.
    pub(crate) fn row<const N: usize>(&mut self, cells: [impl Into<Cell>; N]) {
        let shown = cells.map(Into::into).map(|Cell(text, tone)| match text.as_str() {
            "" => Cell("-".to_owned(), Tone::Plain),
            _ => Cell(text, tone),
        });
        self.push(shown.into());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The next rows under the same headings, which are not shown again.
    pub(crate) fn go_on(&mut self) {
        self.rows.clear();
    }

    pub(super) fn render(&self, colours: Colours) -> String {
        let lines: Vec<_> = self.rows.iter().map(|row| self.aligned(row, colours)).collect();
        lines.join("\n")
    }

    fn push(&mut self, mut row: Vec<Cell>) {
        for Cell(text, _) in &mut row {
            *text = one_line(text);
        }
        self.widths.resize(row.len().max(self.widths.len()), 0);
        for (width, Cell(text, _)) in self.widths.iter_mut().zip(&row) {
            *width = (*width).max(text.width());
        }
        self.rows.push(row);
    }

    fn aligned(&self, row: &[Cell], colours: Colours) -> String {
        let mut line = String::new();
        // Blanks are owed, and paid before the next text: a line does not end with any.
        let mut owed = 0;
        for (Cell(text, tone), width) in row.iter().zip(&self.widths) {
            line.extend(std::iter::repeat_n(' ', owed));
            line.push_str(&colours.paint(*tone, text));
            owed = width - text.width() + 2;
        }
        line
    }
}

/// Without colours.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Colours::None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(["NAME", "STATE"]);
        table.row(["bär".to_owned(), "live".to_owned()]);
        table.row(["another".to_owned(), String::new()]);
        table.row(["東京".to_owned(), "li\nve".to_owned()]);
        let expect = "NAME     STATE\nbär      live\nanother  -\n東京     li\u{fffd}ve";
        assert_eq!(table.render(Colours::None), expect);
        table.go_on();
        table.row(["D".to_owned(), "dead".to_owned()]);
        assert_eq!(table.render(Colours::None), "D        dead");
    }
}
