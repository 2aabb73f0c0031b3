use syncml::{Command, Item, Message};

use crate::target;

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

/// The `DevInfo` of a message; None if there is nothing of it.
pub(crate) fn read(message: &Message<'_>) -> Option<DevInfo> {
    let mut info = DevInfo::default();
    let replaced = message.commands.iter().filter_map(|command| match command {
        Command::Replace(replace) if command.cmd_id().is_some() => Some(&replace.items),
        _ => None,
    });
    for item in replaced.flatten().filter(|item| !item.more_data) {
        note(&mut info, item);
    }
    (info != DevInfo::default()).then_some(info)
}

fn note(info: &mut DevInfo, item: &Item<'_>) {
    let Some(uri) = item.uri() else { return };
    let fields = [
        ("./DevInfo/DevId", &mut info.dev_id),
        ("./DevInfo/Man", &mut info.man),
        ("./DevInfo/Mod", &mut info.model),
        ("./DevInfo/DmV", &mut info.dm_v),
        ("./DevInfo/Lang", &mut info.lang),
    ];
    for (node, field) in fields {
        if target::is_same(uri, node) {
            field.get_or_insert_with(|| item.value().to_owned());
        }
    }
}
