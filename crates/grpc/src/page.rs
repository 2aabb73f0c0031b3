//! Page tokens: opaque to callers, and good for the same list only.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::digest;
use store::PageRequest;

use crate::request::Reader;

/// Items on a page that nobody gave a size.
const DEFAULT: u32 = 50;
/// Items on a page, at most.
const MOST: u32 = 1_000;
/// Bytes that tell lists apart.
const MARK: usize = 8;

/// The page that a request wants of the list that `filter` describes.
pub(crate) fn wanted(reader: &mut Reader, size: i32, token: &str, filter: &str) -> Option<PageRequest> {
    let size = match u32::try_from(size) {
        Ok(0) => DEFAULT,
        Ok(size) => size.min(MOST),
        Err(_) => {
            reader.wrong("page_size", "must not be negative");
            return None;
        }
    };
    if token.is_empty() {
        return Some(PageRequest { size, after: None });
    }
    let after = open(token, filter);
    if after.is_none() {
        reader.wrong("page_token", "is not the token of an earlier page of this list, with the same filter");
    }
    after.map(|after| PageRequest { size, after: Some(after) })
}

/// The token for what comes after `cursor`; empty after the last page.
pub(crate) fn token(cursor: Option<String>, filter: &str) -> String {
    let seal = |cursor: String| BASE64_URL_SAFE_NO_PAD.encode([&mark(filter), cursor.as_bytes()].concat());
    cursor.map(seal).unwrap_or_default()
}

fn open(token: &str, filter: &str) -> Option<String> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
    let (marked, cursor) = bytes.split_at_checked(MARK)?;
    (marked == mark(filter)).then(|| String::from_utf8(cursor.to_vec()).ok())?
}

fn mark(filter: &str) -> [u8; MARK] {
    let mut mark = [0; MARK];
    mark.copy_from_slice(&digest::digest(&digest::SHA256, filter.as_bytes()).as_ref()[..MARK]);
    mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_own_list_only() {
        let sealed = token(Some("cursor".into()), "a");
        assert_eq!(open(&sealed, "a").as_deref(), Some("cursor"));
        assert_eq!(open(&sealed, "b"), None);
        assert_eq!(open("nonsense", "a"), None);
        assert_eq!(token(None, "a"), "");
    }
}
