//! Commands for a device (oma-dm.md §5.1). What is built here is well-formed; whether the device
//! likes it is another matter.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{node::Node, target};

/// A command and the name under which its outcome comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// The caller's name for it. Stored with the session.
    pub tag: Tag,
    /// What the device is to do.
    pub command: Command,
}

/// The caller's name for a command.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tag(String);

/// One command. `CmdID`s are given when it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command(pub(crate) Kind);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    About(Verb, Vec<Node>),
    Group(Grouping, Vec<Outgoing>),
}

/// What is done with nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Verb {
    Get,
    Add,
    Replace,
    Delete,
    Exec,
}

/// How commands go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Grouping {
    Sequence,
    Atomic,
}

/// Why a command cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommandError {
    /// It is about no node, or a group without commands.
    #[error("a command needs at least one node, and a group at least one command")]
    Empty,
    /// A URI is empty or begins with a slash (oma-dm.md §2.3).
    #[error("the target must not be empty and not begin with a slash: {0:?}")]
    Target(String),
    /// XML cannot carry a character of the target, the data or the type.
    #[error("a character of the command about {0:?} has no place in XML")]
    Character(String),
    /// Two nodes of one command are the same, so that their answers could not be told apart.
    #[error("two nodes of one command are the same: {0:?}")]
    SameTarget(String),
    /// A Get or an Atomic inside an Atomic (oma-dm.md §5.1).
    #[error("an Atomic must not hold a Get or another Atomic")]
    InsideAtomic,
    /// Groups inside one another, deeper than a stored session can be read back.
    #[error("groups must not be nested more than {DEEPEST} deep")]
    TooDeep,
}

/// Groups inside one another. Windows was not seen to be sent more than one.
const DEEPEST: usize = 8;

impl Outgoing {
    /// A command under a name.
    pub fn new(tag: impl Into<Tag>, command: Command) -> Self {
        let tag = tag.into();
        Self { tag, command }
    }
}

impl Tag {
    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for Tag {
    fn from(tag: T) -> Self {
        Self(tag.into())
    }
}

impl Command {
    /// Reads nodes; an inner node lists its children.
    pub fn get<T: Into<String>>(targets: impl IntoIterator<Item = T>) -> Result<Self, CommandError> {
        Self::about(Verb::Get, targets.into_iter().map(Node::bare))
    }

    /// Creates nodes. One that exists answers 418.
    pub fn add(nodes_to_add: impl IntoIterator<Item = Node>) -> Result<Self, CommandError> {
        Self::about(Verb::Add, nodes_to_add)
    }

    /// Writes nodes that exist.
    pub fn replace(nodes_to_write: impl IntoIterator<Item = Node>) -> Result<Self, CommandError> {
        Self::about(Verb::Replace, nodes_to_write)
    }

    /// Removes nodes and what is below them.
    pub fn delete<T: Into<String>>(targets: impl IntoIterator<Item = T>) -> Result<Self, CommandError> {
        Self::about(Verb::Delete, targets.into_iter().map(Node::bare))
    }

    /// Runs one node: Windows takes exactly one item.
    pub fn exec(node: Node) -> Result<Self, CommandError> {
        Self::about(Verb::Exec, [node])
    }

    /// One after the other, each with an outcome of its own.
    pub fn sequence(commands: Vec<Outgoing>) -> Result<Self, CommandError> {
        Self::group(Grouping::Sequence, commands)
    }

    /// All or nothing, each with an outcome of its own.
    pub fn atomic(commands: Vec<Outgoing>) -> Result<Self, CommandError> {
        if commands.iter().any(|outgoing| outgoing.command.0.unfit_for_atomic()) {
            return Err(CommandError::InsideAtomic);
        }
        Self::group(Grouping::Atomic, commands)
    }

    fn about(verb: Verb, targets: impl IntoIterator<Item = Node>) -> Result<Self, CommandError> {
        nodes(targets).map(|nodes| Self(Kind::About(verb, nodes)))
    }

    fn group(grouping: Grouping, commands: Vec<Outgoing>) -> Result<Self, CommandError> {
        if commands.is_empty() {
            return Err(CommandError::Empty);
        }
        if commands.iter().any(|inner| inner.command.0.depth() >= DEEPEST) {
            return Err(CommandError::TooDeep);
        }
        Ok(Self(Kind::Group(grouping, commands)))
    }
}

impl Kind {
    /// Its nodes; a group has none of its own.
    pub(crate) fn nodes(&self) -> &[Node] {
        match self {
            Self::About(_, nodes) => nodes,
            Self::Group(..) => &[],
        }
    }

    /// How many groups are around its innermost command.
    fn depth(&self) -> usize {
        match self {
            Self::About(..) => 0,
            Self::Group(_, inner) => {
                1 + inner.iter().map(|inner| inner.command.0.depth()).max().unwrap_or_default()
            }
        }
    }

    fn unfit_for_atomic(&self) -> bool {
        match self {
            Self::About(verb, _) => *verb == Verb::Get,
            Self::Group(Grouping::Atomic, _) => true,
            Self::Group(Grouping::Sequence, inner) => inner.iter().any(|it| it.command.0.unfit_for_atomic()),
        }
    }
}

fn nodes(nodes: impl IntoIterator<Item = Node>) -> Result<Vec<Node>, CommandError> {
    let nodes: Vec<Node> = nodes.into_iter().collect();
    for (index, node) in nodes.iter().enumerate() {
        node.check()?;
        if nodes[..index].iter().any(|earlier| target::is_same(&earlier.target, &node.target)) {
            return Err(CommandError::SameTarget(node.target.clone()));
        }
    }
    if nodes.is_empty() {
        return Err(CommandError::Empty);
    }
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_cannot_be_sent() {
        let get = || Outgoing::new("get", Command::get(["./A"]).unwrap());
        let add = || Outgoing::new("add", Command::add([Node::chr("./A", "x")]).unwrap());
        let atomic = |commands| Command::atomic(commands).map(drop);
        let sequence = |commands| Outgoing::new("seq", Command::sequence(commands).unwrap());
        let nested = |groups| (0..groups).fold(get(), |inner, _| sequence(vec![inner]));
        let no_targets: [&str; 0] = [];
        for (result, expect) in [
            (Command::get(no_targets).map(drop), Err(CommandError::Empty)),
            (Command::get(["/A"]).map(drop), Err(CommandError::Target("/A".into()))),
            (Command::delete([" "]).map(drop), Err(CommandError::Target(" ".into()))),
            (
                Command::get(["./Vendor/X", "./B", "./Device/Vendor/x"]).map(drop),
                Err(CommandError::SameTarget("./Device/Vendor/x".into())),
            ),
            (Command::add([Node::chr("./A", "\u{1}")]).map(drop), Err(CommandError::Character("./A".into()))),
            (
                Command::exec(Node::bare("./A").of_type("\u{0}")).map(drop),
                Err(CommandError::Character("./A".into())),
            ),
            (Command::sequence(vec![]).map(drop), Err(CommandError::Empty)),
            (atomic(vec![]), Err(CommandError::Empty)),
            (atomic(vec![add()]), Ok(())),
            (atomic(vec![add(), get()]), Err(CommandError::InsideAtomic)),
            (atomic(vec![sequence(vec![get()])]), Err(CommandError::InsideAtomic)),
            (Command::sequence(vec![nested(7)]).map(drop), Ok(())),
            (Command::sequence(vec![nested(8)]).map(drop), Err(CommandError::TooDeep)),
            (
                atomic(vec![Outgoing::new("a", Command::atomic(vec![add()]).unwrap())]),
                Err(CommandError::InsideAtomic),
            ),
        ] {
            assert_eq!(result, expect);
        }
    }

    #[test]
    fn debug_shows_no_data() {
        let node = Node::chr("./SyncML/DMAcc/x/AppAuth/AAuthSecret", "hunter2");
        assert!(!format!("{:?}", Command::replace([node])).contains("hunter2"));
    }
}
