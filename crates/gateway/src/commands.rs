//! Housekeeping as commands of OMA DM (DESIGN §4, oma-dm.md §8.1).

use dm::{Command, CommandError, Format, Node, Outgoing};
use model::ProviderId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use push::{Housekeeping, PollNode, PollValue, PollWrite, WriteForm};

/// The names under which outcomes come back. They are stored with open sessions: change none of them.
pub(crate) mod tag {
    pub(crate) const BEFORE: &str = "before";
    pub(crate) const AFTER: &str = "after";
    pub(crate) const PROVIDERS: &str = "providers";
    pub(crate) const DETAIL: &str = "detail";
    pub(crate) const SEQUENCE: &str = "sequence";
    pub(crate) const DELETE: &str = "delete";
    pub(crate) const WRITE: &str = "write";
    pub(crate) const POLL: &str = "poll";
    pub(crate) const POLL_WRITE: &str = "poll.write";
}

/// `./DevDetail/SwV`, the OS build.
pub(crate) const OS_VERSION: &str = "./DevDetail/SwV";
/// `./DevDetail/LrgObj`, whether the client takes large objects.
pub(crate) const LARGE_OBJECTS: &str = "./DevDetail/LrgObj";

/// The nodes under one root.
#[derive(Debug)]
pub(crate) struct Nodes {
    providers: String,
}

/// The nodes of one provider.
struct ProviderNodes {
    push: String,
    pfn: String,
    uri: String,
    status: String,
    poll: String,
}

/// Provider ids stand percent-encoded in a `LocURI` (oma-dm.md §2.3).
const IN_NAMES: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Nodes {
    pub(crate) fn new(root: &str) -> Self {
        Self { providers: format!("{root}/DMClient/Provider") }
    }

    /// The commands that do what is asked for.
    pub(crate) fn commands(
        &self,
        provider: &ProviderId,
        steps: &[Housekeeping],
    ) -> Result<Vec<Outgoing>, CommandError> {
        let nodes = self.of(provider);
        steps.iter().map(|step| self.command(&nodes, step)).collect()
    }

    fn of(&self, provider: &ProviderId) -> ProviderNodes {
        let id = utf8_percent_encode(provider.as_str(), IN_NAMES);
        let provider = format!("{}/{id}", self.providers);
        let push = format!("{provider}/Push");
        ProviderNodes {
            pfn: format!("{push}/PFN"),
            uri: format!("{push}/ChannelURI"),
            status: format!("{push}/Status"),
            poll: format!("{provider}/Poll"),
            push,
        }
    }

    fn command(&self, nodes: &ProviderNodes, step: &Housekeeping) -> Result<Outgoing, CommandError> {
        Ok(match step {
            Housekeeping::ReadPush => nodes.read_all()?,
            Housekeeping::ReadProviders => Outgoing::new(tag::PROVIDERS, Command::get([&self.providers])?),
            Housekeeping::ReadDetail => {
                Outgoing::new(tag::DETAIL, Command::get([OS_VERSION, LARGE_OBJECTS])?)
            }
            Housekeeping::ReadPoll => nodes.read_poll()?,
            Housekeeping::WritePoll(write) => nodes.write_poll(write)?,
            Housekeeping::WriteInSequence { form, pfn, read_first } => {
                let mut steps = Vec::new();
                if *read_first {
                    steps.push(nodes.read_all()?);
                }
                if *form == WriteForm::DeleteThenAdd {
                    steps.push(nodes.delete()?);
                }
                steps.push(nodes.write(*form, pfn.as_str())?);
                steps.push(Outgoing::new(tag::AFTER, Command::get([&nodes.uri, &nodes.status])?));
                Outgoing::new(tag::SEQUENCE, Command::sequence(steps)?)
            }
            Housekeeping::WriteAlone { form, pfn } => nodes.write(*form, pfn.as_str())?,
            Housekeeping::DeleteAlone => nodes.delete()?,
        })
    }
}

impl ProviderNodes {
    fn read_all(&self) -> Result<Outgoing, CommandError> {
        Ok(Outgoing::new(tag::BEFORE, Command::get([&self.pfn, &self.uri, &self.status])?))
    }

    fn read_poll(&self) -> Result<Outgoing, CommandError> {
        Ok(Outgoing::new(tag::POLL, Command::get(PollNode::ALL.map(|node| self.poll(node)))?))
    }

    fn write_poll(&self, write: &PollWrite) -> Result<Outgoing, CommandError> {
        let target = self.poll(write.node);
        let node = match write.value {
            PollValue::Int(value) => Node::int(target, value.into()),
            PollValue::Bool(value) => Node::with(target, Format::Bool, value.to_string()),
        };
        let command = match write.form {
            WriteForm::Replace => Command::replace([node])?,
            WriteForm::Add | WriteForm::DeleteThenAdd => Command::add([node])?,
        };
        Ok(Outgoing::new(tag::POLL_WRITE, command))
    }

    fn poll(&self, node: PollNode) -> String {
        format!("{}/{}", self.poll, node.name())
    }

    fn delete(&self) -> Result<Outgoing, CommandError> {
        Ok(Outgoing::new(tag::DELETE, Command::delete([&self.push])?))
    }

    fn write(&self, form: WriteForm, pfn: &str) -> Result<Outgoing, CommandError> {
        let node = Node::chr(&self.pfn, pfn);
        let command = match form {
            WriteForm::Replace => Command::replace([node])?,
            WriteForm::Add | WriteForm::DeleteThenAdd => Command::add([node])?,
        };
        Ok(Outgoing::new(tag::WRITE, command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_ids_are_encoded() {
        let nodes = Nodes::new("./Vendor/MSFT").of(&"MS DM Server".parse().unwrap());
        assert_eq!(nodes.pfn, "./Vendor/MSFT/DMClient/Provider/MS%20DM%20Server/Push/PFN");
    }

    #[test]
    fn each_node_of_the_polling_is_a_write_of_its_own() {
        let nodes = Nodes::new("./Device/Vendor/MSFT");
        let write = |node, value, form| Housekeeping::WritePoll(PollWrite { node, value, form });
        let steps = [
            Housekeeping::ReadPoll,
            write(PollNode::NumberOfFirstRetries, PollValue::Int(5), WriteForm::Replace),
            write(PollNode::PollOnLogin, PollValue::Bool(true), WriteForm::Add),
        ];
        let poll = |node: PollNode| format!("./Device/Vendor/MSFT/DMClient/Provider/P/Poll/{}", node.name());
        let flag = Node::with(poll(PollNode::PollOnLogin), Format::Bool, "true");
        let expect = [
            Outgoing::new(tag::POLL, Command::get(PollNode::ALL.map(poll)).unwrap()),
            Outgoing::new(
                tag::POLL_WRITE,
                Command::replace([Node::int(poll(PollNode::NumberOfFirstRetries), 5)]).unwrap(),
            ),
            Outgoing::new(tag::POLL_WRITE, Command::add([flag]).unwrap()),
        ];
        let made = nodes.commands(&"P".parse().unwrap(), &steps).unwrap();
        assert!(made == expect, "{made:?}");
    }
}
