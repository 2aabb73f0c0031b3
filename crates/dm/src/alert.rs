//! Alerts of a device (oma-dm.md §4).

use std::fmt;

use syncml::{Alert, Command, Item, Message};

use crate::object::{Pieces, Whole};

/// One alert, or one item of an alert that has several.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ReceivedAlert<'m> {
    /// The code, such as 1201, 1224 or 1226.
    pub code: u16,
    /// The type without `Reversed-Domain-Name:` and blanks.
    pub kind: Option<&'m str>,
    /// The data. None for types that carry a token; never shown by `Debug`.
    pub data: Option<&'m str>,
    /// The node that the alert is about.
    pub source: Option<&'m str>,
}

/// The alerts of a message that can be answered and that have a code, in order. Pieces of large
/// objects are left out.
pub(crate) fn read<'m>(message: &'m Message<'m>) -> impl Iterator<Item = ReceivedAlert<'m>> {
    alerts(message).flat_map(|(_, alert)| {
        let items = alert.items.iter().filter(|item| !item.more_data).map(of_item);
        by_code(alert, items)
    })
}

/// The same, with large objects put together.
pub(crate) fn read_whole<'m>(message: &'m Message<'m>, pieces: &'m Pieces) -> Vec<ReceivedAlert<'m>> {
    let read = |(place, alert): (usize, &'m Alert<'m>)| {
        let items = alert.items.iter().enumerate().filter(move |(index, _)| !pieces.is_part(place, *index));
        let items = items.map(move |(index, item)| match pieces.whole(place, index) {
            Some(whole) => of_object(item, whole),
            None => of_item(item),
        });
        by_code(alert, items)
    };
    alerts(message).flat_map(read).collect()
}

/// An alert without `CmdID` is answered 400 and not heard.
fn alerts<'m>(message: &'m Message<'m>) -> impl Iterator<Item = (usize, &'m Alert<'m>)> {
    message.commands.iter().enumerate().filter_map(|(place, command)| match command {
        Command::Alert(alert) if command.cmd_id().is_some() => Some((place, alert)),
        _ => None,
    })
}

fn by_code<'m>(
    alert: &'m Alert<'m>,
    items: impl Iterator<Item = ReceivedAlert<'m>>,
) -> Vec<ReceivedAlert<'m>> {
    let Some(code) = alert.code() else { return Vec::new() };
    if alert.items.is_empty() {
        return vec![ReceivedAlert { code, kind: None, data: None, source: None }];
    }
    items.map(|item| ReceivedAlert { code, ..item }).collect()
}

fn of_item<'m>(item: &'m Item<'m>) -> ReceivedAlert<'m> {
    told(item, item.kind(), item.data.is_some().then(|| item.value()))
}

fn of_object<'m>(last: &'m Item<'m>, whole: &'m Whole) -> ReceivedAlert<'m> {
    told(last, whole.kind.as_deref().or(last.kind()), Some(&whole.text))
}

fn told<'m>(item: &'m Item<'m>, kind: Option<&'m str>, data: Option<&'m str>) -> ReceivedAlert<'m> {
    let carries_token = kind.is_some_and(|kind| kind.to_ascii_lowercase().contains("token"));
    ReceivedAlert {
        code: 0,
        kind: kind.map(plain_kind),
        data: data.filter(|_| !carries_token),
        source: item.source.as_ref().map(|source| source.uri.as_ref()),
    }
}

/// Whether an item says that the device needs longer than its HTTP timeout (oma-dm.md §4.3).
pub(crate) fn is_keep_alive(item: &Item<'_>) -> bool {
    item.kind().is_some_and(|kind| plain_kind(kind) == KEEP_ALIVE)
}

const KEEP_ALIVE: &str = "com.microsoft.mdm.requestpending";

/// Types come with and without the prefix, and with a blank after it or before it (oma-dm.md §4.2).
fn plain_kind(kind: &str) -> &str {
    const PREFIX: &str = "Reversed-Domain-Name:";
    let kind = kind.trim();
    match kind.get(..PREFIX.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(PREFIX) => kind[PREFIX.len()..].trim(),
        _ => kind,
    }
}

impl ReceivedAlert<'_> {
    /// Whether the alert is of this type.
    pub fn is(&self, kind: &str) -> bool {
        self.kind == Some(kind)
    }

    /// The device begins a session: 1201, or 1200 after a call of the server.
    pub(crate) fn opens(&self) -> bool {
        matches!(self.code, 1200 | 1201)
    }

    pub(crate) fn aborts(&self) -> bool {
        self.code == 1223
    }

    /// The device wants the next message of our package.
    pub(crate) fn asks_for_more(&self) -> bool {
        self.code == 1222
    }

    /// The device saw another command before the end of a large object.
    pub(crate) fn misses_end(&self) -> bool {
        self.code == 1225
    }

    /// 1226 also reports what became of installations: only this type is the user's leave.
    pub(crate) fn unenrolls(&self) -> bool {
        self.code == 1226 && self.is("com.microsoft:mdm.unenrollment.userrequest")
    }

    /// The device needs longer than its HTTP timeout (oma-dm.md §4.3).
    pub(crate) fn keeps_alive(&self) -> bool {
        self.code == 1224 && self.is(KEEP_ALIVE)
    }
}

impl fmt::Debug for ReceivedAlert<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedAlert")
            .field("code", &self.code)
            .field("kind", &self.kind)
            .field("data_bytes", &self.data.map(str::len))
            .field("source", &self.source)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_lose_their_prefix() {
        for (kind, expect) in [
            ("com.microsoft/MDM/LoginStatus", "com.microsoft/MDM/LoginStatus"),
            (" com.microsoft:mdm.unenrollment.userrequest", "com.microsoft:mdm.unenrollment.userrequest"),
            ("Reversed-Domain-Name:com.microsoft.mdm.requestpending", "com.microsoft.mdm.requestpending"),
            ("Reversed-Domain-Name: com.microsoft.mdm.synctype", "com.microsoft.mdm.synctype"),
            ("Reversed", "Reversed"),
            ("ünknown-ünknown-ünknown", "ünknown-ünknown-ünknown"),
        ] {
            assert_eq!(plain_kind(kind), expect);
        }
    }
}
