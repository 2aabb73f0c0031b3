use syncml::{Command, Item, Message, NodeCommand};

use crate::{object::Pieces, target};

/// What a device tells about itself in package 1 (oma-dm.md §3.2).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DevInfo {
    /// `DevId`.
    pub dev_id: Option<String>,
    /// `Man`, the manufacturer.
    pub man: Option<String>,
    /// `Mod`, the model.
    pub model: Option<String>,
    /// `DmV`, the version of the client.
    pub dm_v: Option<String>,
    /// `Lang`, the language.
    pub lang: Option<String>,
}

/// The `DevInfo` of a message, large objects put together; None if there is nothing of it.
pub(crate) fn read(message: &Message<'_>, pieces: &Pieces) -> Option<DevInfo> {
    let mut info = DevInfo::default();
    for (place, replace) in replaced(message) {
        for (index, item) in replace.items.iter().enumerate() {
            match pieces.whole(place, index) {
                // Nobody has a DevId that comes in pieces, and it would be heard too late to refuse it.
                Some(whole) if !is_dev_id(item) => note(&mut info, item, &whole.text),
                None if !pieces.is_part(place, index) => note(&mut info, item, item.value()),
                _ => {}
            }
        }
    }
    (info != DevInfo::default()).then_some(info)
}

/// Whether the message's `DevInfo` is that of a device of this name, or leaves it open (oma-dm.md §7.4).
pub(crate) fn may_be_of(message: &Message<'_>, device: &str) -> bool {
    let mut items = replaced(message).flat_map(|(_, replace)| &replace.items).filter(|item| is_dev_id(item));
    items.all(|item| {
        let dev_id = item.value().trim();
        dev_id.is_empty() || dev_id.eq_ignore_ascii_case(device.trim())
    })
}

/// A Replace without `CmdID` is answered 400 and not heard.
fn replaced<'m>(message: &'m Message<'m>) -> impl Iterator<Item = (usize, &'m NodeCommand<'m>)> {
    message.commands.iter().enumerate().filter_map(|(place, command)| match command {
        Command::Replace(replace) if command.cmd_id().is_some() => Some((place, replace)),
        _ => None,
    })
}

fn is_dev_id(item: &Item<'_>) -> bool {
    item.uri().is_some_and(|uri| target::is_same(uri, DEV_ID))
}

const DEV_ID: &str = "./DevInfo/DevId";

fn note(info: &mut DevInfo, item: &Item<'_>, value: &str) {
    let Some(uri) = item.uri() else { return };
    let fields = [
        (DEV_ID, &mut info.dev_id),
        ("./DevInfo/Man", &mut info.man),
        ("./DevInfo/Mod", &mut info.model),
        ("./DevInfo/DmV", &mut info.dm_v),
        ("./DevInfo/Lang", &mut info.lang),
    ];
    for (node, field) in fields {
        if target::is_same(uri, node) {
            field.get_or_insert_with(|| value.to_owned());
        }
    }
}
