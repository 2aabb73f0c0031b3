//! Commands that a device was sent, and what it says about them (oma-dm.md §5.2).

use std::fmt;

use serde::{Deserialize, Serialize};
use syncml::{Command, Message, Results, Status};

use crate::{command::Tag, target};

/// What became of one node of a command, or of a group as such. Delivered once.
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The command's name.
    pub tag: Tag,
    /// The node as the command spelled it; None for a Sequence or an Atomic itself.
    pub target: Option<String>,
    /// The status code. 101, 202, 206 and 213 if nothing final followed; None if the device never
    /// said anything.
    pub status: Option<u16>,
    /// The value that was read. `Debug` shows its length only.
    pub value: Option<String>,
}

/// A command of which not everything is known yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) msg_ref: u32,
    pub(crate) cmd_ref: u32,
    pub(crate) tag: Tag,
    /// What was said about the command without naming a node.
    pub(crate) status: Option<u16>,
    /// Its nodes; none for a group.
    pub(crate) targets: Vec<PendingTarget>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PendingTarget {
    target: String,
    status: Option<u16>,
    /// Its value comes in pieces, which are refused: it stays unknown.
    is_chunked: bool,
}

/// What a message said about outstanding commands.
#[derive(Default)]
pub(crate) struct Reading {
    pub(crate) outcomes: Vec<Outcome>,
    /// What is still to be answered.
    pub(crate) outstanding: Vec<Pending>,
    /// How many Statuses and Results items were about nothing that was outstanding.
    pub(crate) ignored: usize,
    /// The places of Results that bring a piece of a large object.
    pub(crate) refused: Vec<usize>,
}

/// Whether more answers can follow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Package {
    /// The device said everything: what is unanswered stays unknown.
    Complete,
    /// The package goes on in another message.
    GoesOn,
}

/// Matches a message's Statuses and Results with what is outstanding.
pub(crate) fn read(message: &Message<'_>, outstanding: Vec<Pending>, package: Package) -> Reading {
    let mut matching = Matching {
        values: outstanding.iter().map(|pending| vec![None; pending.targets.len()]).collect(),
        outstanding,
        ignored: 0,
        refused: Vec::new(),
    };
    for (place, command) in message.commands.iter().enumerate() {
        match command {
            Command::Status(status) => matching.status(status),
            Command::Results(results) => matching.results(place, results),
            _ => {}
        }
    }
    matching.deliver(package)
}

/// Whether a Status is about the `SyncHdr`.
pub(crate) fn is_about_header(status: &Status<'_>) -> bool {
    status.cmd_ref.as_deref() == Some("0") || status.cmd.as_deref() == Some("SyncHdr")
}

struct Matching {
    outstanding: Vec<Pending>,
    /// The values of this message, by command and node. They are not stored.
    values: Vec<Vec<Option<String>>>,
    ignored: usize,
    refused: Vec<usize>,
}

impl Matching {
    fn status(&mut self, status: &Status<'_>) {
        if is_about_header(status) {
            return;
        }
        let refs = (status.msg_ref.as_deref(), status.cmd_ref.as_deref());
        let (Some(index), Some(code)) = (self.find(refs), status.code()) else {
            self.ignored += 1;
            return;
        };
        let pending = &mut self.outstanding[index];
        if status.target_refs.is_empty() {
            pending.note(code);
        }
        for uri in &status.target_refs {
            if !pending.note_target(uri, code) {
                self.ignored += 1;
            }
        }
    }

    fn results(&mut self, place: usize, results: &Results<'_>) {
        // Without references they mean message 1 and command 1 (oma-dm.md §3.3).
        let refs = (results.msg_ref.as_deref().or(Some("1")), results.cmd_ref.as_deref().or(Some("1")));
        let Some(index) = self.find(refs) else {
            self.ignored += results.items.len();
            if results.items.iter().any(|item| item.more_data) {
                self.refused.push(place);
            }
            return;
        };
        for item in &results.items {
            let targets = &mut self.outstanding[index].targets;
            let Some(at) = position(targets, item.uri()) else {
                self.ignored += 1;
                continue;
            };
            // Large objects are not put together: a piece is answered 406 (optional feature not
            // supported, never 213), nothing of it is kept, and the object's last piece, which
            // has no MoreData, must not pass for the whole of it.
            targets[at].is_chunked |= item.more_data;
            if targets[at].is_chunked {
                self.values[index][at] = None;
                self.refused.push(place);
            } else {
                self.values[index][at].get_or_insert_with(|| item.value().to_owned());
            }
        }
    }

    fn find(&self, (msg_ref, cmd_ref): (Option<&str>, Option<&str>)) -> Option<usize> {
        let msg_ref: u32 = msg_ref?.parse().ok()?;
        let cmd_ref: u32 = cmd_ref?.parse().ok()?;
        self.outstanding.iter().position(|pending| (pending.msg_ref, pending.cmd_ref) == (msg_ref, cmd_ref))
    }

    /// A value cannot wait for the next message, since it is not stored: it is delivered at once.
    fn deliver(self, package: Package) -> Reading {
        let mut reading = Reading { ignored: self.ignored, refused: self.refused, ..Reading::default() };
        for (mut pending, values) in self.outstanding.into_iter().zip(self.values) {
            let is_group = pending.targets.is_empty();
            let targets = std::mem::take(&mut pending.targets);
            for (target, value) in targets.into_iter().zip(values) {
                match value {
                    Some(value) => reading.outcomes.push(pending.read(target, value)),
                    None => pending.targets.push(target),
                }
            }
            if package == Package::Complete {
                if is_group || !pending.targets.is_empty() {
                    reading.outcomes.extend(pending.resolve());
                }
            } else if is_group || !pending.targets.is_empty() {
                reading.outstanding.push(pending);
            }
        }
        reading
    }
}

impl Pending {
    pub(crate) fn new(msg_ref: u32, cmd_ref: u32, tag: Tag, targets: Vec<String>) -> Self {
        let target = |target| PendingTarget { target, status: None, is_chunked: false };
        Self { msg_ref, cmd_ref, tag, status: None, targets: targets.into_iter().map(target).collect() }
    }

    /// What is known of it, for good.
    pub(crate) fn resolve(self) -> Vec<Outcome> {
        let Self { tag, status, targets, .. } = self;
        if targets.is_empty() {
            return vec![Outcome { tag, target: None, status, value: None }];
        }
        let outcome = |target: PendingTarget| Outcome {
            tag: tag.clone(),
            status: if target.is_chunked { None } else { better(target.status, status) },
            target: Some(target.target),
            value: None,
        };
        targets.into_iter().map(outcome).collect()
    }

    /// A node with its value. A device that tells the value has read it, whatever else is missing.
    fn read(&self, target: PendingTarget, value: String) -> Outcome {
        let status = better(target.status, self.status).filter(|code| !is_interim(*code));
        Outcome {
            tag: self.tag.clone(),
            target: Some(target.target),
            status: status.or(Some(200)),
            value: Some(value),
        }
    }

    fn note(&mut self, code: u16) {
        note(&mut self.status, code);
    }

    fn note_target(&mut self, uri: &str, code: u16) -> bool {
        if self.targets.is_empty() {
            self.note(code);
            return true;
        }
        // With one node there is no doubt which one is meant, however it is spelled.
        let only = (self.targets.len() == 1).then_some(0);
        match position(&self.targets, Some(uri)).or(only) {
            Some(at) => note(&mut self.targets[at].status, code),
            None => return false,
        }
        true
    }
}

/// An item without a URI can only be about a command's only node.
fn position(targets: &[PendingTarget], uri: Option<&str>) -> Option<usize> {
    match uri {
        Some(uri) => targets.iter().position(|it| target::is_same(&it.target, uri)),
        None => (targets.len() == 1).then_some(0),
    }
}

/// The first final code stays; one that is not final gives way to any other.
fn note(status: &mut Option<u16>, code: u16) {
    if status.is_none_or(is_interim) {
        *status = Some(code);
    }
}

/// What was said about the node counts more than what was said about the command, and a final code
/// counts more than one that is not.
fn better(of_node: Option<u16>, of_command: Option<u16>) -> Option<u16> {
    let is_final = |code: &u16| !is_interim(*code);
    let last = of_node.or(of_command);
    of_node.filter(is_final).or(of_command.filter(is_final)).or(last)
}

/// In progress, accepted, partial, chunk buffered (oma-dm.md §5.3).
fn is_interim(code: u16) -> bool {
    matches!(code, 101 | 202 | 206 | 213)
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("tag", &self.tag)
            .field("target", &self.target)
            .field("status", &self.status)
            .field("value_bytes", &self.value.as_ref().map(String::len))
            .finish()
    }
}
