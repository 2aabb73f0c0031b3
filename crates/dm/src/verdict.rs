//! What a command of a device is answered.

use syncml::Command;

/// Only `DevInfo`, alerts and answers are a device's to send (oma-dm.md §3.1).
pub(crate) fn of(command: &Command<'_>) -> u16 {
    if cmd_id(command).is_none() && !matches!(command, Command::Results(_)) {
        return 400;
    }
    match command {
        Command::Alert(alert) if alert.code().is_none() => 400,
        Command::Alert(_) | Command::Replace(_) => 200,
        Command::Unsupported(unsupported) => match unsupported.name.as_ref() {
            "Copy" | "Map" | "Move" | "Put" | "Search" | "Sync" => 406,
            _ => 400,
        },
        Command::Results(_) | Command::Status(_) => 406,
        Command::Add(_)
        | Command::Atomic(_)
        | Command::Delete(_)
        | Command::Exec(_)
        | Command::Get(_)
        | Command::Sequence(_) => 405,
    }
}

/// Not executed, because the group around it was not (oma-dm.md §5.3).
pub(crate) const NOT_EXECUTED: u16 = 215;

/// By what a Status refers to a command. Zero is no `CmdID`: it stands for the header.
pub(crate) fn cmd_id<'r>(command: &'r Command<'r>) -> Option<&'r str> {
    command.cmd_id().filter(|id| *id != "0")
}
