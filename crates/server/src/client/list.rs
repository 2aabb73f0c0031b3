//! Lists: page by page, so that a fleet of any size goes through little memory.

use std::{fmt::Write, ops::ControlFlow};

use serde::Serialize;

use super::again::again;
use crate::{
    cli::{Pages, Shown},
    failure::{Failure, Outcome},
    print::{self, Page, Table},
};

/// The most rows of a page.
const PAGE: usize = 1_000;

/// Something that the service lists.
pub(super) trait Listing {
    type Row;
    /// What `--json` prints of a row.
    type View: Serialize;
    /// How many rows are shown if nobody says how many.
    const USUAL: usize;

    /// At most `size` rows, and the token of the page after them; empty if there is none.
    async fn page(&self, size: i32, token: String) -> Result<(Vec<Self::Row>, String), Failure>;
    /// A table with headings only.
    fn headings() -> Table;
    fn row(table: &mut Table, row: &Self::Row);
    fn view(row: Self::Row) -> Self::View;
}

/// Prints what was asked for.
pub(super) async fn list<L: Listing>(listing: &L, pages: &Pages, shown: &Shown) -> Outcome {
    let Some(every) = shown.watch else { return print_all(listing, pages, shown.json).await };
    again(every, async || {
        let (rows, next) = listing.page(page_size(pages.wanted(L::USUAL)), pages.page_token.clone()).await?;
        let mut table = L::headings();
        add::<L>(&mut table, &rows);
        let mut page = Page::from(table);
        page.lines((!next.is_empty()).then(|| "There are more; these are the first.".to_owned()));
        Ok(page)
    })
    .await
}

async fn print_all<L: Listing>(listing: &L, pages: &Pages, json: bool) -> Outcome {
    let mut left = pages.wanted(L::USUAL);
    let mut token = pages.page_token.clone();
    let mut sheet = if json { Sheet::Json { rows: 0 } } else { Sheet::Table(L::headings()) };
    loop {
        let (rows, next) = listing.page(page_size(left), token).await?;
        (left, token) = (left.saturating_sub(rows.len()), next);
        let last = token.is_empty() || left == 0;
        if sheet.print::<L>(rows, last)?.is_break() {
            return Ok(());
        }
        if last {
            tell_of_more(&token);
            return Ok(());
        }
    }
}

fn add<L: Listing>(table: &mut Table, rows: &[L::Row]) {
    for row in rows {
        L::row(table, row);
    }
}

/// How many rows to ask for, if so many are still wanted.
pub(super) fn page_size(wanted: usize) -> i32 {
    i32::try_from(wanted.min(PAGE)).unwrap_or(i32::MAX)
}

/// Says that a list goes on, and how to see the rest.
fn tell_of_more(next_page_token: &str) {
    if !next_page_token.is_empty() {
        let token = print::plain(next_page_token);
        eprintln!("There are more: --all shows them, and --page-token {token} goes on from here.");
    }
}

/// What rows are printed on.
enum Sheet {
    Table(Table),
    /// One array, however many pages it takes.
    Json {
        rows: usize,
    },
}

impl Sheet {
    fn print<L: Listing>(&mut self, rows: Vec<L::Row>, last: bool) -> Result<ControlFlow<()>, Failure> {
        match self {
            Self::Table(table) => {
                add::<L>(table, &rows);
                let printed =
                    if table.is_empty() { Ok(ControlFlow::Continue(())) } else { print::rows(table) };
                table.go_on();
                printed
            }
            Self::Json { rows: before } => {
                let mut text = String::new();
                for row in rows {
                    let start = if *before == 0 { "[\n  " } else { ",\n  " };
                    let view = print::to_json(&L::view(row))?.replace('\n', "\n  ");
                    // Writing to a string cannot fail.
                    let _ = write!(text, "{start}{view}");
                    *before += 1;
                }
                if last {
                    text.push_str(if *before == 0 { "[]\n" } else { "\n]\n" });
                }
                print::text(&text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_of_a_bounded_size() {
        assert_eq!((page_size(7), page_size(usize::MAX)), (7, 1_000));
    }
}
