use super::{
    ParseError,
    header::{chal_into, cred_into, location_into, meta_into},
    scanner::Scanner,
};
use crate::{
    command::{Alert, Command, Group, NodeCommand, Results, Status, Unsupported},
    item::Item,
    meta::Meta,
};

pub(super) struct Body<'a> {
    pub(super) commands: Vec<Command<'a>>,
    pub(super) is_final: bool,
}

pub(super) fn read<'a>(scanner: &mut Scanner<'a>) -> Result<Body<'a>, ParseError> {
    // Few messages have more, so that the list need not grow.
    let mut body = Body { commands: Vec::with_capacity(8), is_final: false };
    scanner.children(|scanner, name| {
        if name == "Final" {
            body.is_final = true;
            return scanner.skip();
        }
        body.commands.push(command(scanner, name)?);
        Ok(())
    })?;
    Ok(body)
}

fn command<'a>(scanner: &mut Scanner<'a>, name: &'a str) -> Result<Command<'a>, ParseError> {
    scanner.count_command()?;
    Ok(match name {
        "Add" => Command::Add(node_command(scanner)?),
        "Alert" => Command::Alert(alert(scanner)?),
        "Atomic" => Command::Atomic(group(scanner)?),
        "Delete" => Command::Delete(node_command(scanner)?),
        "Exec" => Command::Exec(node_command(scanner)?),
        "Get" => Command::Get(node_command(scanner)?),
        "Replace" => Command::Replace(node_command(scanner)?),
        "Results" => Command::Results(results(scanner)?),
        "Sequence" => Command::Sequence(group(scanner)?),
        "Status" => Command::Status(status(scanner)?),
        name => Command::Unsupported(unsupported(scanner, name)?),
    })
}

fn node_command<'a>(scanner: &mut Scanner<'a>) -> Result<NodeCommand<'a>, ParseError> {
    let mut command = NodeCommand::default();
    scanner.children(|scanner, name| match name {
        "CmdID" => scanner.token_into(&mut command.cmd_id),
        "Meta" => meta_into(scanner, &mut command.meta),
        "Item" => item_into(scanner, &mut command.items),
        _ => scanner.skip(),
    })?;
    Ok(command)
}

fn alert<'a>(scanner: &mut Scanner<'a>) -> Result<Alert<'a>, ParseError> {
    let mut alert = Alert::default();
    scanner.children(|scanner, name| match name {
        "CmdID" => scanner.token_into(&mut alert.cmd_id),
        "Data" => scanner.token_into(&mut alert.data),
        "Item" => item_into(scanner, &mut alert.items),
        _ => scanner.skip(),
    })?;
    Ok(alert)
}

/// Groups nest; how deep is the scanner's limit.
fn group<'a>(scanner: &mut Scanner<'a>) -> Result<Group<'a>, ParseError> {
    let mut group = Group::default();
    scanner.children(|scanner, name| match name {
        "CmdID" => scanner.token_into(&mut group.cmd_id),
        "Meta" => meta_into(scanner, &mut group.meta),
        "NoResp" => scanner.skip(),
        _ => {
            group.commands.push(command(scanner, name)?);
            Ok(())
        }
    })?;
    Ok(group)
}

fn results<'a>(scanner: &mut Scanner<'a>) -> Result<Results<'a>, ParseError> {
    let mut results = Results::default();
    scanner.children(|scanner, name| match name {
        "CmdID" => scanner.token_into(&mut results.cmd_id),
        "MsgRef" => scanner.token_into(&mut results.msg_ref),
        "CmdRef" => scanner.token_into(&mut results.cmd_ref),
        "Cmd" => scanner.token_into(&mut results.cmd),
        "Meta" => meta_into(scanner, &mut results.meta),
        "TargetRef" => scanner.token_into(&mut results.target_ref),
        "SourceRef" => scanner.token_into(&mut results.source_ref),
        "Item" => item_into(scanner, &mut results.items),
        _ => scanner.skip(),
    })?;
    Ok(results)
}

fn status<'a>(scanner: &mut Scanner<'a>) -> Result<Status<'a>, ParseError> {
    let mut status = Status::default();
    let mut cred = None;
    let mut chal = None;
    scanner.children(|scanner, name| match name {
        "CmdID" => scanner.token_into(&mut status.cmd_id),
        "MsgRef" => scanner.token_into(&mut status.msg_ref),
        "CmdRef" => scanner.token_into(&mut status.cmd_ref),
        "Cmd" => scanner.token_into(&mut status.cmd),
        "TargetRef" => {
            status.target_refs.push(scanner.token()?);
            Ok(())
        }
        "SourceRef" => {
            status.source_refs.push(scanner.token()?);
            Ok(())
        }
        "Cred" => cred_into(scanner, &mut cred),
        "Chal" => chal_into(scanner, &mut chal),
        "Data" if status.data.is_none() => {
            status.original_error = scanner.attribute("originalerror");
            scanner.token_into(&mut status.data)
        }
        "Item" => item_into(scanner, &mut status.items),
        _ => scanner.skip(),
    })?;
    status.cred = cred.map(Box::new);
    status.chal = chal.map(Box::new);
    Ok(status)
}

fn unsupported<'a>(scanner: &mut Scanner<'a>, name: &'a str) -> Result<Unsupported<'a>, ParseError> {
    let mut cmd_id = None;
    scanner.children(|scanner, child| match child {
        "CmdID" => scanner.token_into(&mut cmd_id),
        _ => scanner.skip(),
    })?;
    let name = name[..name.floor_char_boundary(Unsupported::LONGEST_NAME)].into();
    Ok(Unsupported { name, cmd_id })
}

fn item_into<'a>(scanner: &mut Scanner<'a>, items: &mut Vec<Item<'a>>) -> Result<(), ParseError> {
    let mut item = Item::default();
    // Some documents put Type beside Meta instead of into it (oma-dm.md §2.1).
    let mut stray_kind = None;
    scanner.children(|scanner, name| match name {
        "Target" => location_into(scanner, &mut item.target),
        "Source" => location_into(scanner, &mut item.source),
        "Meta" => meta_into(scanner, &mut item.meta),
        "Type" => scanner.token_into(&mut stray_kind),
        "Data" => {
            let data = scanner.data()?;
            item.data.get_or_insert(data);
            Ok(())
        }
        "MoreData" => {
            item.more_data = true;
            scanner.skip()
        }
        _ => scanner.skip(),
    })?;
    if let Some(kind) = stray_kind {
        item.meta.get_or_insert_with(Meta::default).kind.get_or_insert(kind);
    }
    items.push(item);
    Ok(())
}
