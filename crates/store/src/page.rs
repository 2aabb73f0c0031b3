//! Lists come in pages.

use crate::Error;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one begins; none after the last.
    pub next: Option<String>,
}

/// Which page is wanted.
#[derive(Clone, Debug, Default)]
pub struct PageRequest {
    /// How many items, at most.
    pub size: u32,
    /// The `next` of the page before.
    pub after: Option<String>,
}

impl PageRequest {
    /// One more than the page holds, so that it is known whether there is another.
    pub(crate) fn limit(&self) -> u64 {
        u64::from(self.size.max(1)) + 1
    }

    /// Makes a page of `rows`, which were read with [`Self::limit`]. One that cannot be read is left out: it must not hide all
    /// that come after it.
    pub(crate) fn cut<R, T>(
        &self,
        mut rows: Vec<R>,
        cursor: impl Fn(&R) -> String,
        read: impl Fn(R) -> Result<T, Error>,
    ) -> Page<T> {
        let size = self.size.max(1) as usize;
        let more = rows.len() > size;
        rows.truncate(size);
        let next = if more { rows.last().map(&cursor) } else { None };
        let readable = |row: R| {
            let which = cursor(&row);
            let unreadable = |what: &Error| {
                tracing::error!(which, %what, "a record is left out of a list");
            };
            read(row).inspect_err(unreadable).ok()
        };
        Page { items: rows.into_iter().filter_map(readable).collect(), next }
    }
}
