//! Aligned columns.

use std::fmt;

/// Rows under a line of headings. The last column may be as long as it likes.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self { rows: vec![headings.map(str::to_owned).to_vec()] }
    }

    /// Empty cells are shown as a dash.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        let shown = cells.map(|cell| if cell.is_empty() { "-".to_owned() } else { cell });
        self.rows.push(shown.to_vec());
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths = Vec::new();
        for row in &self.rows {
            widths.resize(row.len().max(widths.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        widths
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let lines: Vec<String> = self.rows.iter().map(|row| aligned(row, &widths)).collect();
        f.write_str(&lines.join("\n"))
    }
}

fn aligned(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
    cells.join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(["NAME", "STATE"]);
        table.row(["bär".to_owned(), "live".to_owned()]);
        table.row(["another".to_owned(), String::new()]);
        assert_eq!(table.to_string(), "NAME     STATE\nbär      live\nanother  -");
    }
}
