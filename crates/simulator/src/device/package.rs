//! Package 1 and the alerts in it, in the order in which Windows sends them (oma-dm.md §3.2).

use syncml::{Alert, Command, Data, Item, Location, Meta, NodeCommand};

use super::{profile::Profile, report::Opening, tree::dev_info};

/// The `CmdID` of the first command of package 1.
const FIRST: u32 = 2;

/// Alerts and `DevInfo`. `CmdID`s begin at 2: 1 is for the `SyncHdr` Status of later messages (oma-dm.md §0.3).
pub(super) fn package_1(name: &str, profile: &Profile, opening: Opening) -> Vec<Command<'static>> {
    let mut alerts = vec![
        alert("1201", None),
        alert("1224", Some(item("com.microsoft/MDM/LoginStatus", None, profile.login.name()))),
    ];
    match opening {
        Opening::User => alerts.push(alert("1224", Some(item("com.microsoft.mdm.synctype", None, "user")))),
        Opening::Unenroll => {
            let kind = "com.microsoft:mdm.unenrollment.userrequest";
            alerts.push(alert("1226", Some(item(kind, Some("int"), "1"))));
        }
        Opening::Schedule | Opening::Push => {}
    }
    let items = dev_info(name, profile).map(|(uri, data)| Item {
        source: Some(Location::new(uri)),
        data: Some(Data::text(data.to_owned())),
        ..Item::default()
    });
    let replace = NodeCommand { items: items.into(), ..NodeCommand::default() };
    let mut commands: Vec<_> = alerts.into_iter().map(Command::Alert).collect();
    commands.push(Command::Replace(replace));
    number(&mut commands, FIRST);
    commands
}

/// The command that breaks the session off (oma-dm.md §3.4).
pub(super) fn abort() -> Command<'static> {
    Command::Alert(alert("1223", None))
}

/// Asks for the rest of an object, or of a package (oma-dm.md §4.1).
pub(super) fn next_message() -> Command<'static> {
    Command::Alert(alert("1222", None))
}

/// Says that the rest of an object did not come (oma-dm.md §4.1).
pub(super) fn no_end_of_data() -> Command<'static> {
    Command::Alert(alert("1225", None))
}

/// The device is busy: alone in its message, without Status and without Final (oma-dm.md §4.3).
pub(super) fn keep_alive() -> Command<'static> {
    let kind = "Reversed-Domain-Name:com.microsoft.mdm.requestpending";
    Command::Alert(alert("1224", Some(item(kind, Some("int"), "1"))))
}

/// Numbers the commands of one message from `first`. The `CmdID`s of the gateway's commands are in `CmdRef`s, not here.
pub(super) fn number(commands: &mut [Command<'static>], first: u32) {
    for (id, command) in (first..).zip(commands) {
        let id = Some(id.to_string().into());
        match command {
            Command::Alert(it) => it.cmd_id = id,
            Command::Replace(it) => it.cmd_id = id,
            Command::Results(it) => it.cmd_id = id,
            Command::Status(it) => it.cmd_id = id,
            _ => {}
        }
    }
}

fn alert(code: &'static str, item: Option<Item<'static>>) -> Alert<'static> {
    Alert { data: Some(code.into()), items: item.into_iter().collect(), ..Alert::default() }
}

fn item(kind: &'static str, format: Option<&'static str>, data: &'static str) -> Item<'static> {
    let meta = Meta { format: format.map(Into::into), ..Meta::kind(kind) };
    Item { meta: Some(meta), data: Some(Data::text(data)), ..Item::default() }
}
