//! Alerts of a device (oma-dm.md §4).

use std::fmt;

use syncml::{Alert, Command, Item, Message};

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

/// The alerts of a message that can be answered and that have a code, in order.
pub(crate) fn read<'m>(message: &'m Message<'m>) -> impl Iterator<Item = ReceivedAlert<'m>> {
    message.commands.iter().flat_map(|command| match command {
        Command::Alert(alert) if is_whole(alert, command) => items(alert),
        _ => Vec::new(),
    })
}

/// An alert without `CmdID` is answered 400, a chunk of one 406: neither is heard.
fn is_whole(alert: &Alert<'_>, command: &Command<'_>) -> bool {
    command.cmd_id().is_some() && !alert.items.iter().any(|item| item.more_data)
}

fn items<'m>(alert: &'m Alert<'m>) -> Vec<ReceivedAlert<'m>> {
    let Some(code) = alert.code() else { return Vec::new() };
    let bare = ReceivedAlert { code, kind: None, data: None, source: None };
    if alert.items.is_empty() {
        return vec![bare];
    }
    alert.items.iter().map(|item| of_item(bare, item)).collect()
}

fn of_item<'m>(bare: ReceivedAlert<'m>, item: &'m Item<'m>) -> ReceivedAlert<'m> {
    let kind = item.kind().map(plain_kind);
    let carries_token = kind.is_some_and(|kind| kind.to_ascii_lowercase().contains("token"));
    ReceivedAlert {
        kind,
        data: (item.data.is_some() && !carries_token).then(|| item.value()),
        source: item.source.as_ref().map(|source| source.uri.as_ref()),
        ..bare
    }
}

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

    /// 1226 also reports what became of installations: only this type is the user's leave.
    pub(crate) fn unenrolls(&self) -> bool {
        self.code == 1226 && self.is("com.microsoft:mdm.unenrollment.userrequest")
    }

    /// The device needs longer than its HTTP timeout (oma-dm.md §4.3).
    pub(crate) fn keeps_alive(&self) -> bool {
        self.code == 1224 && self.is("com.microsoft.mdm.requestpending")
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
