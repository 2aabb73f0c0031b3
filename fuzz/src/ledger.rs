//! Every command has an outcome, told once, per node.

use std::collections::{BTreeMap, BTreeSet};

use dm::{Command, Node, Outcome, Outgoing, Tag, Unsendable};

use crate::script::Order;

/// A command's name and one of its nodes; none for a group as such.
type Entry = (String, Option<String>);

/// What was given to the engine and not told yet.
#[derive(Default)]
pub(crate) struct Ledger {
    tags: u32,
    open: BTreeSet<Entry>,
    /// Of commands that were refused, maybe after a part of them went out.
    doubtful: BTreeSet<Entry>,
    /// What belongs to a command and to those inside it.
    entries: BTreeMap<String, Vec<Entry>>,
}

impl Ledger {
    /// Builds commands under new names. Orders that make no command are left out.
    pub(crate) fn place(&mut self, orders: &[Order]) -> Vec<Outgoing> {
        let mut placed = Vec::new();
        for order in orders.iter().take(6) {
            let mut entries = Vec::new();
            let Some(outgoing) = self.build(order, 0, &mut entries) else { continue };
            self.open.extend(entries.iter().cloned());
            self.entries.insert(outgoing.tag.as_str().to_owned(), entries);
            placed.push(outgoing);
        }
        placed
    }

    fn build(&mut self, order: &Order, depth: usize, entries: &mut Vec<Entry>) -> Option<Outgoing> {
        self.tags += 1;
        let tag = self.tags.to_string();
        let mut nodes = |count: u8| {
            let targets: Vec<String> = (0..=count % 4).map(|node| format!("./Vendor/{node}")).collect();
            entries.extend(targets.iter().map(|target| (tag.clone(), Some(target.clone()))));
            targets
        };
        let command = match order {
            Order::Get { nodes: count } => Command::get(nodes(*count)),
            Order::Delete { nodes: count } => Command::delete(nodes(*count)),
            Order::Write { verb, bytes, kind, nodes: count } => {
                write(*verb, *bytes, *kind, nodes(if verb % 3 == 2 { 0 } else { *count }))
            }
            Order::Sequence(orders) | Order::Atomic(orders) => {
                entries.push((tag.clone(), None));
                let orders = if depth < 3 { &orders[..orders.len().min(3)] } else { &[] };
                let inner = orders.iter().map(|order| self.build(order, depth + 1, entries));
                let inner = inner.collect::<Option<Vec<_>>>()?;
                if matches!(order, Order::Atomic(_)) {
                    Command::atomic(inner)
                } else {
                    Command::sequence(inner)
                }
            }
        };
        Some(Outgoing::new(tag, command.ok()?))
    }

    /// Commands that were given back have no outcomes.
    pub(crate) fn give_back(&mut self, unsent: &[Outgoing]) {
        for outgoing in unsent {
            self.forget(&outgoing.tag);
        }
    }

    /// Nor have commands that were refused.
    pub(crate) fn refuse(&mut self, refused: &[Unsendable]) {
        for unsendable in refused {
            self.forget(&unsendable.tag);
        }
    }

    fn forget(&mut self, tag: &Tag) {
        for entry in &self.entries[tag.as_str()] {
            if self.open.remove(entry) {
                self.doubtful.insert(entry.clone());
            }
        }
    }

    /// What became of commands.
    pub(crate) fn hear(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            let entry = (outcome.tag.as_str().to_owned(), outcome.target.clone());
            let was_open = self.open.remove(&entry) || self.doubtful.remove(&entry);
            assert!(was_open, "an outcome that was told before, or of nothing: {entry:?}");
        }
    }

    /// At the end nothing is left to tell.
    pub(crate) fn settle(&self) {
        assert!(self.open.is_empty(), "no outcome of {:?}", self.open);
    }
}

fn write(verb: u8, bytes: u16, kind: u8, targets: Vec<String>) -> Result<Command, dm::CommandError> {
    let unit = ["x", "&", "é", "\r\n", "\u{1f600}<"][usize::from(kind) % 5];
    let text = unit.repeat(usize::from(bytes) / 16);
    let mut nodes = targets.into_iter().map(|target| Node::chr(target, text.clone()));
    match verb % 3 {
        0 => Command::add(nodes),
        1 => Command::replace(nodes),
        _ => Command::exec(nodes.next().expect("there is one node")),
    }
}
