//! Commands for a device (oma-dm.md §5.1). What is built here is well-formed; whether the device
//! likes it is another matter.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::target;

/// A command and the name under which its outcome comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command(pub(crate) Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Get(Vec<Node>),
    Add(Vec<Node>),
    Replace(Vec<Node>),
    Delete(Vec<Node>),
    Exec(Vec<Node>),
    Sequence(Vec<Outgoing>),
    Atomic(Vec<Outgoing>),
}

/// A node and what to write into it. `Debug` shows the length of the data only.
#[derive(Clone, PartialEq, Eq)]
pub struct Node {
    pub(crate) target: String,
    pub(crate) data: Option<(Format, String)>,
    pub(crate) kind: Option<String>,
}

/// `Format` of a value (oma-dm.md §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text.
    Chr,
    /// A whole number.
    Int,
    /// `true` or `false`.
    Bool,
    /// A floating-point number.
    Float,
    /// A date.
    Date,
    /// A time.
    Time,
    /// Base64.
    B64,
    /// Bytes.
    Bin,
    /// An inner node.
    Node,
    /// Nothing.
    Null,
    /// XML, escaped.
    Xml,
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
}

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
        nodes(targets.into_iter().map(Node::bare)).map(|nodes| Self(Kind::Get(nodes)))
    }

    /// Creates nodes. One that exists answers 418.
    pub fn add(nodes_to_add: impl IntoIterator<Item = Node>) -> Result<Self, CommandError> {
        nodes(nodes_to_add).map(|nodes| Self(Kind::Add(nodes)))
    }

    /// Writes nodes that exist.
    pub fn replace(nodes_to_write: impl IntoIterator<Item = Node>) -> Result<Self, CommandError> {
        nodes(nodes_to_write).map(|nodes| Self(Kind::Replace(nodes)))
    }

    /// Removes nodes and what is below them.
    pub fn delete<T: Into<String>>(targets: impl IntoIterator<Item = T>) -> Result<Self, CommandError> {
        nodes(targets.into_iter().map(Node::bare)).map(|nodes| Self(Kind::Delete(nodes)))
    }

    /// Runs one node: Windows takes exactly one item.
    pub fn exec(node: Node) -> Result<Self, CommandError> {
        nodes([node]).map(|nodes| Self(Kind::Exec(nodes)))
    }

    /// One after the other, each with an outcome of its own.
    pub fn sequence(commands: Vec<Outgoing>) -> Result<Self, CommandError> {
        if commands.is_empty() {
            return Err(CommandError::Empty);
        }
        Ok(Self(Kind::Sequence(commands)))
    }

    /// All or nothing, each with an outcome of its own.
    pub fn atomic(commands: Vec<Outgoing>) -> Result<Self, CommandError> {
        if commands.is_empty() {
            return Err(CommandError::Empty);
        }
        if commands.iter().any(|outgoing| outgoing.command.0.unfit_for_atomic()) {
            return Err(CommandError::InsideAtomic);
        }
        Ok(Self(Kind::Atomic(commands)))
    }
}

impl Kind {
    fn unfit_for_atomic(&self) -> bool {
        match self {
            Self::Get(_) | Self::Atomic(_) => true,
            Self::Sequence(inner) => inner.iter().any(|it| it.command.0.unfit_for_atomic()),
            Self::Add(_) | Self::Replace(_) | Self::Delete(_) | Self::Exec(_) => false,
        }
    }
}

impl Node {
    /// A node without data.
    pub fn bare(target: impl Into<String>) -> Self {
        let target = target.into();
        Self { target, data: None, kind: None }
    }

    /// A node and its text.
    pub fn chr(target: impl Into<String>, text: impl Into<String>) -> Self {
        Self::with(target, Format::Chr, text)
    }

    /// A node and its number.
    pub fn int(target: impl Into<String>, number: i64) -> Self {
        Self::with(target, Format::Int, number.to_string())
    }

    /// A node and data of some format.
    pub fn with(target: impl Into<String>, format: Format, data: impl Into<String>) -> Self {
        let data = Some((format, data.into()));
        Self { data, ..Self::bare(target) }
    }

    /// The same with a media type; without one it is `text/plain`.
    #[must_use]
    pub fn of_type(self, kind: impl Into<String>) -> Self {
        let kind = Some(kind.into());
        Self { kind, ..self }
    }

    fn check(&self) -> Result<(), CommandError> {
        let target = || self.target.clone();
        let data = self.data.as_ref().map(|(_, data)| data);
        let mut texts = [Some(&self.target), data, self.kind.as_ref()].into_iter().flatten();
        match self.target.trim() {
            "" => Err(CommandError::Target(target())),
            trimmed if trimmed.starts_with('/') => Err(CommandError::Target(target())),
            _ if !texts.all(|text| syncml::is_text(text)) => Err(CommandError::Character(target())),
            _ => Ok(()),
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

impl Format {
    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::Chr => "chr",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Float => "float",
            Self::Date => "date",
            Self::Time => "time",
            Self::B64 => "b64",
            Self::Bin => "bin",
            Self::Node => "node",
            Self::Null => "null",
            Self::Xml => "xml",
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("target", &self.target)
            .field("format", &self.data.as_ref().map(|(format, _)| format))
            .field("data_bytes", &self.data.as_ref().map(|(_, data)| data.len()))
            .field("kind", &self.kind)
            .finish()
    }
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
