use std::borrow::Cow;

use crate::{
    auth::{Chal, Cred},
    item::Item,
    meta::Meta,
    write,
};

/// One element of `SyncBody`, `Atomic` or `Sequence` (oma-dm.md §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Create nodes.
    Add(NodeCommand<'a>),
    /// Session events and generic alerts.
    Alert(Alert<'a>),
    /// All or nothing.
    Atomic(Group<'a>),
    /// Remove nodes and what is below them.
    Delete(NodeCommand<'a>),
    /// Run something.
    Exec(NodeCommand<'a>),
    /// Read nodes.
    Get(NodeCommand<'a>),
    /// Write nodes; from a device, tell about them.
    Replace(NodeCommand<'a>),
    /// The values that a Get asked for.
    Results(Results<'a>),
    /// One after the other.
    Sequence(Group<'a>),
    /// What became of a command.
    Status(Status<'a>),
    /// An element that is none of the above: it is answered, not executed.
    Unsupported(Unsupported<'a>),
}

/// `Add`, `Delete`, `Exec`, `Get` or `Replace`: a command about nodes of the management tree.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct NodeCommand<'a> {
    /// `CmdID`.
    pub cmd_id: Option<Cow<'a, str>>,
    /// `Meta` for all items.
    pub meta: Option<Meta<'a>>,
    /// The `Item`s, in order.
    pub items: Vec<Item<'a>>,
}

/// `Alert` (oma-dm.md §4).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Alert<'a> {
    /// `CmdID`.
    pub cmd_id: Option<Cow<'a, str>>,
    /// `Data`: the alert's code, as text.
    pub data: Option<Cow<'a, str>>,
    /// The `Item`s, in order.
    pub items: Vec<Item<'a>>,
}

/// `Atomic` or `Sequence`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Group<'a> {
    /// `CmdID`.
    pub cmd_id: Option<Cow<'a, str>>,
    /// `Meta`.
    pub meta: Option<Meta<'a>>,
    /// The commands inside, in order.
    pub commands: Vec<Command<'a>>,
}

/// `Results`. Without `MsgRef` it means message 1, without `CmdRef` command 1 (oma-dm.md §3.3).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Results<'a> {
    /// `CmdID`.
    pub cmd_id: Option<Cow<'a, str>>,
    /// `MsgRef`: the message that held the Get.
    pub msg_ref: Option<Cow<'a, str>>,
    /// `CmdRef`: the Get.
    pub cmd_ref: Option<Cow<'a, str>>,
    /// `Cmd`; Windows leaves it out.
    pub cmd: Option<Cow<'a, str>>,
    /// `Meta` for all items.
    pub meta: Option<Meta<'a>>,
    /// `TargetRef`.
    pub target_ref: Option<Cow<'a, str>>,
    /// `SourceRef`.
    pub source_ref: Option<Cow<'a, str>>,
    /// The `Item`s, in order; their Source names the node.
    pub items: Vec<Item<'a>>,
}

/// `Status` (oma-dm.md §5.2).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Status<'a> {
    /// `CmdID`.
    pub cmd_id: Option<Cow<'a, str>>,
    /// `MsgRef`: the message that held the command.
    pub msg_ref: Option<Cow<'a, str>>,
    /// `CmdRef`: the command; `0` is the `SyncHdr`.
    pub cmd_ref: Option<Cow<'a, str>>,
    /// `Cmd`: the command's name.
    pub cmd: Option<Cow<'a, str>>,
    /// `TargetRef`s: the nodes that this Status is about. None: all of the command's.
    pub target_refs: Vec<Cow<'a, str>>,
    /// `SourceRef`s.
    pub source_refs: Vec<Cow<'a, str>>,
    /// `Cred`.
    pub cred: Option<Box<Cred<'a>>>,
    /// `Chal`.
    pub chal: Option<Box<Chal<'a>>>,
    /// `Data`: the code, as text.
    pub data: Option<Cow<'a, str>>,
    /// The attribute `originalerror` of `Data`, such as `0x86000002`: what failed inside the device
    /// (oma-dm.md §2.1). Its prefix may be any, or none, and need not be declared. Without `Data` there is none.
    pub original_error: Option<Cow<'a, str>>,
    /// The `Item`s, in order.
    pub items: Vec<Item<'a>>,
}

/// An element that is not a command of OMA DM, by its local name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported<'a> {
    /// The element's local name, of a long one the beginning: 64 bytes. It is repeated in a Status.
    pub name: Cow<'a, str>,
    /// Its `CmdID`, if it has one.
    pub cmd_id: Option<Cow<'a, str>>,
}

impl Unsupported<'_> {
    pub(crate) const LONGEST_NAME: usize = 64;
}

impl Command<'_> {
    /// The element's local name, as `Cmd` of a Status wants it.
    pub fn name(&self) -> &str {
        match self {
            Self::Add(_) => "Add",
            Self::Alert(_) => "Alert",
            Self::Atomic(_) => "Atomic",
            Self::Delete(_) => "Delete",
            Self::Exec(_) => "Exec",
            Self::Get(_) => "Get",
            Self::Replace(_) => "Replace",
            Self::Results(_) => "Results",
            Self::Sequence(_) => "Sequence",
            Self::Status(_) => "Status",
            Self::Unsupported(unsupported) => &unsupported.name,
        }
    }

    /// How many bytes the command takes in a message that is written.
    pub fn xml_len(&self) -> usize {
        write::command_len(self)
    }

    /// `CmdID`. An empty one is as good as none, and so is one of more than 64 bytes: it is a number, and it is
    /// repeated in a Status.
    pub fn cmd_id(&self) -> Option<&str> {
        let cmd_id = match self {
            Self::Add(it) | Self::Delete(it) | Self::Exec(it) | Self::Get(it) | Self::Replace(it) => {
                &it.cmd_id
            }
            Self::Alert(it) => &it.cmd_id,
            Self::Atomic(it) | Self::Sequence(it) => &it.cmd_id,
            Self::Results(it) => &it.cmd_id,
            Self::Status(it) => &it.cmd_id,
            Self::Unsupported(it) => &it.cmd_id,
        };
        cmd_id.as_deref().filter(|id| (1..=LONGEST_CMD_ID).contains(&id.len()))
    }
}

const LONGEST_CMD_ID: usize = 64;

impl Alert<'_> {
    /// The alert's code, if `Data` is a number.
    pub fn code(&self) -> Option<u16> {
        self.data.as_deref()?.parse().ok()
    }
}

impl Status<'_> {
    /// The status code, if `Data` is a number.
    pub fn code(&self) -> Option<u16> {
        self.data.as_deref()?.parse().ok()
    }
}
