//! Package 1 and the alerts in it, in the order in which Windows sends them (oma-dm.md §3.2).

use syncml::{Alert, Command, Data, Item, Location, Meta, NodeCommand};

use super::{profile::Profile, report::Opening, tree::dev_info};

/// Alerts and `DevInfo`. `CmdID`s begin at 2: 1 is for the `SyncHdr` Status of later messages (oma-dm.md §0.3).
pub(super) fn package_1(name: &str, profile: &Profile, opening: Opening) -> Vec<Command<'static>> {
    let mut alerts = vec![alert("1201", None), alert("1224", Some(login_status()))];
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
    number(&mut commands);
    commands
}

/// A message that breaks the session off (oma-dm.md §3.4), after the `SyncHdr` Status if there is one.
pub(super) fn abort() -> Command<'static> {
    let mut commands = [Command::Alert(alert("1223", None))];
    number(&mut commands);
    let [abort] = commands;
    abort
}

fn number(commands: &mut [Command<'static>]) {
    for (id, command) in (2..).zip(commands) {
        let id = Some(format!("{id}").into());
        match command {
            Command::Alert(alert) => alert.cmd_id = id,
            Command::Replace(replace) => replace.cmd_id = id,
            _ => {}
        }
    }
}

fn login_status() -> Item<'static> {
    item("com.microsoft/MDM/LoginStatus", None, "user")
}

fn alert(code: &'static str, item: Option<Item<'static>>) -> Alert<'static> {
    Alert { data: Some(code.into()), items: item.into_iter().collect(), ..Alert::default() }
}

fn item(kind: &'static str, format: Option<&'static str>, data: &'static str) -> Item<'static> {
    let meta = Meta { format: format.map(Into::into), ..Meta::kind(kind) };
    Item { meta: Some(meta), data: Some(Data::text(data)), ..Item::default() }
}
