//! Lists come in pages.

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

    /// Cuts `items`, which were read with [`Self::limit`], into a page.
    pub(crate) fn cut<T>(&self, mut items: Vec<T>, cursor: impl Fn(&T) -> String) -> Page<T> {
        let size = self.size.max(1) as usize;
        let more = items.len() > size;
        items.truncate(size);
        let next = if more { items.last().map(cursor) } else { None };
        Page { items, next }
    }
}
