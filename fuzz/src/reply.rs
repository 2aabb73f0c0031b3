//! What holds for every reply.

use syncml::{Command, Limits, Message, Status};

/// Checks a reply to a message and gives it back, read.
pub(crate) fn check<'r>(message: &Message<'_>, reply: &'r [u8]) -> Message<'r> {
    let read = Message::parse(reply, &Limits::default()).expect("a reply is a message");
    assert_eq!(read.to_xml().as_bytes(), reply, "a reply is compact");
    let (ours, theirs) = (&read.header, &message.header);
    assert_eq!((&ours.session_id, ours.msg_id), (&theirs.session_id, theirs.msg_id));
    assert_eq!(ours.target.as_ref().map(|target| &target.uri), Some(&theirs.source.uri));
    let ids: Vec<u32> = read.commands.iter().map(|it| it.cmd_id().unwrap().parse().unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "CmdIDs rise: {ids:?}");
    answers(message, &read);
    read
}

/// The Status of the `SyncHdr` comes first, then one of each command that wants one, in order (oma-dm.md §5.2).
fn answers(message: &Message<'_>, reply: &Message<'_>) {
    let mut statuses = statuses(reply).peekable();
    let header = statuses.next().expect("a reply begins with a Status");
    assert_eq!((header.cmd_ref.as_deref(), header.cmd.as_deref()), (Some("0"), Some("SyncHdr")));
    let mut wanted = Vec::new();
    for command in &message.commands {
        collect(command, true, &mut wanted);
    }
    // Whoever is refused and sent a lot is told once.
    if header.code().is_some_and(|code| code >= 400) && wanted.len() > MOST_REFUSED {
        assert!(statuses.next().is_none(), "a refusal is short");
        return;
    }
    for (cmd_ref, cmd, is_optional) in wanted {
        let is_it = |status: &&Status<'_>| {
            (status.cmd_ref.as_deref(), status.cmd.as_deref()) == (Some(cmd_ref), Some(cmd))
        };
        let found = statuses.next_if(is_it).is_some();
        assert!(found || is_optional, "no Status of {cmd} {cmd_ref}");
    }
    assert!(statuses.next().is_none(), "a Status of nothing");
}

/// Commands of a refused message that are answered one by one.
const MOST_REFUSED: usize = 64;

/// The commands that are to be answered: by `CmdID`, by name, and whether the Status may be left out.
fn collect<'m>(command: &'m Command<'m>, is_outermost: bool, wanted: &mut Vec<(&'m str, &'m str, bool)>) {
    let cmd_ref = command.cmd_id().filter(|id| *id != "0").unwrap_or_default();
    match command {
        Command::Status(_) => return,
        // Only if there is something to say about them.
        Command::Results(_) => wanted.push((cmd_ref, command.name(), is_outermost)),
        _ => wanted.push((cmd_ref, command.name(), false)),
    }
    if let Command::Atomic(group) | Command::Sequence(group) = command {
        group.commands.iter().for_each(|inner| collect(inner, false, wanted));
    }
}

fn statuses<'m>(message: &'m Message<'m>) -> impl Iterator<Item = &'m Status<'m>> {
    message.commands.iter().filter_map(|command| match command {
        Command::Status(status) => Some(status),
        _ => None,
    })
}

/// Whether a reply says nothing but what became of the message.
pub(crate) fn is_only_statuses(reply: &Message<'_>) -> bool {
    statuses(reply).count() == reply.commands.len()
}

/// Whether a reply says no more than it must: Statuses, and alerts that steer the session.
pub(crate) fn is_bare(reply: &Message<'_>) -> bool {
    reply.commands.iter().all(|command| matches!(command, Command::Status(_) | Command::Alert(_)))
}

/// The code of the `SyncHdr`'s Status.
pub(crate) fn code(reply: &Message<'_>) -> u16 {
    statuses(reply).next().and_then(Status::code).expect("a Status has a code")
}
