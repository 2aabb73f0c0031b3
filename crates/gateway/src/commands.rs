//! Housekeeping as commands of OMA DM (DESIGN §4, oma-dm.md §8.1).

use dm::{Command, CommandError, Node, Outgoing};
use model::ProviderId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use push::{Housekeeping, WriteForm};

/// The names under which outcomes come back. They are stored with open sessions: change none of them.
pub(crate) mod tag {
    pub(crate) const BEFORE: &str = "before";
    pub(crate) const AFTER: &str = "after";
    pub(crate) const PROVIDERS: &str = "providers";
    pub(crate) const DETAIL: &str = "detail";
    pub(crate) const SEQUENCE: &str = "sequence";
    pub(crate) const DELETE: &str = "delete";
    pub(crate) const WRITE: &str = "write";
}

/// `./DevDetail/SwV`, the OS build.
pub(crate) const OS_VERSION: &str = "./DevDetail/SwV";
/// `./DevDetail/LrgObj`, whether the client takes large objects.
pub(crate) const LARGE_OBJECTS: &str = "./DevDetail/LrgObj";

/// The nodes under one root.
pub(crate) struct Nodes {
    providers: String,
}

/// The push nodes of one provider.
struct PushNodes {
    push: String,
    pfn: String,
    uri: String,
    status: String,
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

    fn of(&self, provider: &ProviderId) -> PushNodes {
        let id = utf8_percent_encode(provider.as_str(), IN_NAMES);
        let push = format!("{}/{id}/Push", self.providers);
        PushNodes {
            pfn: format!("{push}/PFN"),
            uri: format!("{push}/ChannelURI"),
            status: format!("{push}/Status"),
            push,
        }
    }

    fn command(&self, nodes: &PushNodes, step: &Housekeeping) -> Result<Outgoing, CommandError> {
        Ok(match step {
            Housekeeping::ReadPush => nodes.read_all()?,
            Housekeeping::ReadProviders => Outgoing::new(tag::PROVIDERS, Command::get([&self.providers])?),
            Housekeeping::ReadDetail => {
                Outgoing::new(tag::DETAIL, Command::get([OS_VERSION, LARGE_OBJECTS])?)
            }
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

impl PushNodes {
    fn read_all(&self) -> Result<Outgoing, CommandError> {
        Ok(Outgoing::new(tag::BEFORE, Command::get([&self.pfn, &self.uri, &self.status])?))
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
}
