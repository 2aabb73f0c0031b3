//! Commands that a device was sent and has not answered for good.

use serde::{Deserialize, Serialize};

use crate::{
    command::Tag,
    outcome::{Outcome, Said},
    target,
};

/// A command of which not everything is known yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) sent_as: SentAs,
    tag: Tag,
    /// What was said about the command without naming a node.
    said: Option<Said>,
    /// Its nodes; none for a group.
    targets: Vec<PendingTarget>,
}

/// By what a device refers to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SentAs {
    pub(crate) msg_id: u32,
    pub(crate) cmd_id: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PendingTarget {
    target: String,
    said: Option<Said>,
    /// Not all of its value, or not only what was meant to be written, went over: whatever is said
    /// about it, it stays unknown.
    is_lost: bool,
}

impl Pending {
    pub(crate) fn new(sent_as: SentAs, tag: Tag, targets: Vec<String>) -> Self {
        let target = |target| PendingTarget { target, said: None, is_lost: false };
        Self { sent_as, tag, said: None, targets: targets.into_iter().map(target).collect() }
    }

    pub(crate) fn is_group(&self) -> bool {
        self.targets.is_empty()
    }

    pub(crate) fn nodes(&self) -> usize {
        self.targets.len()
    }

    /// What is known of it, for good.
    pub(crate) fn resolve(self) -> Vec<Outcome> {
        let Self { tag, said, targets, .. } = self;
        if targets.is_empty() {
            return vec![Outcome::new(tag, None, said, None)];
        }
        let outcome = |target: PendingTarget| {
            let said = if target.is_lost { None } else { better(target.said, said.clone()) };
            Outcome::new(tag.clone(), Some(target.target), said, None)
        };
        targets.into_iter().map(outcome).collect()
    }

    /// Takes out the nodes whose values came, by their places.
    pub(crate) fn read(&mut self, values: Vec<Option<String>>) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let targets = std::mem::take(&mut self.targets);
        for (target, value) in targets.into_iter().zip(values) {
            match value {
                Some(value) => outcomes.push(self.outcome(target, value)),
                None => self.targets.push(target),
            }
        }
        outcomes
    }

    /// A node with its value. A device that tells the value has read it, whatever else is missing.
    fn outcome(&self, target: PendingTarget, value: String) -> Outcome {
        let said = better(target.said, self.said.clone()).filter(Said::is_final);
        let said = said.unwrap_or(Said { code: 200, original_error: None });
        Outcome::new(self.tag.clone(), Some(target.target), Some(said), Some(value))
    }

    pub(crate) fn note(&mut self, said: Said) {
        note(&mut self.said, said);
    }

    /// Whether the URI is one of its nodes, or can only mean its only one.
    pub(crate) fn note_target(&mut self, uri: &str, said: Said) -> bool {
        if self.is_group() {
            self.note(said);
            return true;
        }
        // With one node there is no doubt which one is meant, however it is spelled.
        let only = (self.targets.len() == 1).then_some(0);
        match self.position(Some(uri)).or(only) {
            Some(at) => note(&mut self.targets[at].said, said),
            None => return false,
        }
        true
    }

    /// The place of a node. An item without a URI can only be about a command's only node.
    pub(crate) fn position(&self, uri: Option<&str>) -> Option<usize> {
        match uri {
            Some(uri) => self.targets.iter().position(|it| target::is_same(&it.target, uri)),
            None => (self.targets.len() == 1).then_some(0),
        }
    }

    pub(crate) fn lose(&mut self, at: usize) {
        self.targets[at].is_lost = true;
    }

    /// What was said about a command of one node.
    pub(crate) fn said(&self) -> Option<Said> {
        let of_node = self.targets.first().and_then(|target| target.said.clone());
        better(of_node, self.said.clone())
    }

    /// Whether nothing was said about it but that we have to say who we are.
    pub(crate) fn is_unheard(&self) -> bool {
        let said = self.targets.iter().map(|target| &target.said).chain([&self.said]);
        said.flatten().all(Said::is_challenge)
    }
}

impl SentAs {
    /// The references of a Status or of Results.
    pub(crate) fn parse(msg_ref: Option<&str>, cmd_ref: Option<&str>) -> Option<Self> {
        Some(Self { msg_id: msg_ref?.parse().ok()?, cmd_id: cmd_ref?.parse().ok()? })
    }
}

/// The first final code stays; one that is not final gives way to any other.
fn note(known: &mut Option<Said>, said: Said) {
    if known.as_ref().is_none_or(|known| !known.is_final()) {
        *known = Some(said);
    }
}

/// What was said about the node counts more than what was said about the command, and a final code
/// counts more than one that is not.
fn better(of_node: Option<Said>, of_command: Option<Said>) -> Option<Said> {
    let last = of_node.clone().or(of_command.clone());
    of_node.filter(Said::is_final).or(of_command.filter(Said::is_final)).or(last)
}
