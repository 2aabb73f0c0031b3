//! A device's management tree: `DevInfo`, `DevDetail` and the `DMClient` CSP.

use std::collections::BTreeMap;

use model::Timestamp;

use super::{
    channel::PushChannel,
    path::{self, Path},
    polling,
    profile::{LargeObjects, NoChannelReply, PfnWrite, Polling, Profile, ReplaceMissing},
};

const NOT_FOUND: u16 = 404;
const NOT_ALLOWED: u16 = 405;
const WRONG_FORMAT: u16 = 415;
const EXISTS: u16 = 418;

/// The nodes of one device.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: BTreeMap<Path, Node>,
    dm_client: Path,
    push: Path,
    poll: Path,
    pub(super) channel: Option<PushChannel>,
    /// The device's client hung at a PFN write.
    pub(super) hung: bool,
    pub(super) writes: Writes,
}

/// How often a server tried to write, whatever came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Writes {
    /// `Push/PFN`.
    pub pfn: u32,
    /// A node of the polling schedule.
    pub polling: u32,
}

/// A node outside of `Push`.
#[derive(Clone, Debug)]
struct Node {
    /// Its name, in its own case.
    name: String,
    /// `None`: an interior node.
    value: Option<Value>,
    access: Access,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Fixed,
    Free,
}

/// What a Get reads.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) data: String,
    /// `None`: chr, which Windows leaves out (oma-dm.md §6).
    pub(super) format: Option<&'static str>,
}

impl Tree {
    pub(super) fn new(name: &str, profile: &Profile) -> Self {
        let dm_client = path("./Vendor/MSFT/DMClient");
        let provider = dm_client.child("Provider").child(&profile.provider_id);
        let (push, poll) = (provider.child("Push"), provider.child("Poll"));
        let nodes = BTreeMap::new();
        let writes = Writes::default();
        let mut tree = Self { nodes, dm_client, push, poll, channel: None, hung: false, writes };
        for (uri, value) in dev_info(name, profile) {
            tree.fix(uri, Some(Value::text(value)));
        }
        tree.fix("./DevDetail/SwV", Some(Value::text(&profile.software_version)));
        let large_objects = matches!(profile.large_objects, LargeObjects::Taken { .. }).to_string();
        tree.fix("./DevDetail/LrgObj", Some(Value { data: large_objects, format: Some("bool") }));
        tree.fix("./Vendor/MSFT/DMClient/Provider", None);
        let own = Node { name: profile.provider_id.clone(), value: None, access: Access::Fixed };
        tree.nodes.insert(provider, own);
        tree
    }

    /// The value of a leaf, or the children of an interior node; otherwise a status.
    pub(super) fn get(&self, uri: &str, profile: &Profile, now: Timestamp) -> Result<Value, u16> {
        if uri.contains('?') {
            return Err(406);
        }
        let path = Path::parse(uri).ok_or(NOT_FOUND)?;
        if path == self.push || path.is_below(&self.push) {
            return self.get_push(&path, profile, now);
        }
        let node = self.nodes.get(&path).ok_or(NOT_FOUND)?;
        Ok(match &node.value {
            None => self.children(&path),
            Some(_) if path.parent().as_ref() == Some(&self.poll) => self.polling(path.last(), profile),
            Some(value) => value.clone(),
        })
    }

    /// Creates a leaf, with the interior nodes that it needs.
    pub(super) fn add(&mut self, uri: &str, data: &str, profile: &Profile) -> u16 {
        let Some(path) = Path::parse(uri).filter(|path| path.is_below(&self.dm_client)) else {
            return NOT_FOUND;
        };
        self.count(&path);
        if path.parent().as_ref() == Some(&self.push) {
            return match (path == self.pfn(), &self.channel) {
                (true, None) => self.write_pfn(data, profile),
                (true, Some(_)) => EXISTS,
                (false, _) => NOT_ALLOWED,
            };
        }
        if self.nodes.contains_key(&path) {
            return EXISTS;
        }
        if !self.fits(&path, data) {
            return WRONG_FORMAT;
        }
        self.create(uri, path, data)
    }

    /// Writes a leaf.
    pub(super) fn replace(&mut self, uri: &str, data: &str, profile: &Profile) -> u16 {
        let Some(path) = Path::parse(uri) else { return NOT_FOUND };
        let creates = profile.replace_missing == ReplaceMissing::Creates;
        if path.parent().as_ref() == Some(&self.push) {
            self.count(&path);
            return match (path == self.pfn(), &self.channel) {
                (true, None) if !creates => NOT_FOUND,
                (true, _) => self.write_pfn(data, profile),
                (false, None) => NOT_FOUND,
                (false, Some(_)) => NOT_ALLOWED,
            };
        }
        if self.nodes.contains_key(&path) && !self.fits(&path, data) {
            return WRONG_FORMAT;
        }
        if self.nodes.contains_key(&path) || !creates {
            self.count(&path);
        }
        match self.nodes.get_mut(&path) {
            Some(Node { value: Some(value), access: Access::Free, .. }) => {
                data.clone_into(&mut value.data);
                200
            }
            Some(_) => NOT_ALLOWED,
            None if creates => self.add(uri, data, profile),
            None => NOT_FOUND,
        }
    }

    /// Removes a node and what is below it.
    pub(super) fn delete(&mut self, uri: &str) -> u16 {
        let Some(path) = Path::parse(uri) else { return NOT_FOUND };
        if path == self.push || path == self.pfn() {
            return if self.channel.take().is_some() { 200 } else { NOT_FOUND };
        }
        match self.nodes.get(&path).map(|node| node.access) {
            Some(Access::Free) => {
                self.nodes.retain(|other, _| *other != path && !other.is_below(&path));
                200
            }
            Some(Access::Fixed) => NOT_ALLOWED,
            None if path.is_below(&self.push) && self.channel.is_some() => NOT_ALLOWED,
            None => NOT_FOUND,
        }
    }

    fn get_push(&self, path: &Path, profile: &Profile, now: Timestamp) -> Result<Value, u16> {
        let channel = self.channel.as_ref().ok_or(NOT_FOUND)?;
        if *path == self.push {
            return Ok(Value::list("ChannelURI/PFN/Status".to_owned()));
        }
        if *path == self.pfn() {
            return Ok(Value::text(&channel.pfn));
        }
        if *path == self.push.child("Status") {
            let data = channel.push_status(now).to_string();
            return Ok(Value { data, format: Some("int") });
        }
        if *path != self.push.child("ChannelURI") {
            return Err(NOT_FOUND);
        }
        match (channel.uri(), profile.no_channel) {
            (Some(uri), _) => Ok(Value::text(uri)),
            (None, NoChannelReply::Empty) => Ok(Value::text("")),
            (None, NoChannelReply::NotFound) => Err(NOT_FOUND),
        }
    }

    fn write_pfn(&mut self, pfn: &str, profile: &Profile) -> u16 {
        match profile.pfn_write {
            PfnWrite::Works => {
                self.channel = Some(PushChannel::wanted(pfn));
                200
            }
            PfnWrite::Refused(status) => status,
            PfnWrite::Hangs => {
                self.hung = true;
                200
            }
        }
    }

    fn count(&mut self, path: &Path) {
        self.writes.pfn += u32::from(*path == self.pfn());
        self.writes.polling += u32::from(path.parent().as_ref() == Some(&self.poll));
    }

    /// Whether a value may be written to a node.
    fn fits(&self, path: &Path, data: &str) -> bool {
        let is_polling = path.parent().as_ref() == Some(&self.poll);
        !is_polling || polling::format(path.last()).is_some_and(|format| polling::fits(format, data))
    }

    /// A node of the polling schedule, as the device keeps it.
    fn polling(&self, node: &str, profile: &Profile) -> Value {
        let written =
            |node: &str| self.nodes.get(&self.poll.child(node))?.value.as_ref().map(|value| &*value.data);
        let number = |node: &str| written(node)?.parse().ok();
        let corrected = match profile.polling {
            Polling::Corrected if !polling::ends(number) => None,
            Polling::Corrected | Polling::Fixed => polling::fallback(node),
            Polling::Kept => None,
        };
        let data = corrected.or(written(node)).unwrap_or_default().to_owned();
        Value { data, format: polling::format(node) }
    }

    fn pfn(&self) -> Path {
        self.push.child("PFN")
    }

    fn fix(&mut self, uri: &str, value: Option<Value>) {
        let name = path::name(uri).unwrap_or_default();
        self.nodes.insert(path(uri), Node { name, value, access: Access::Fixed });
    }

    fn create(&mut self, uri: &str, path: Path, data: &str) -> u16 {
        let mut missing = (uri.trim_end_matches('/'), path);
        let mut value = Some(Value::text(data));
        while !self.nodes.contains_key(&missing.1) && missing.1.is_below(&self.dm_client) {
            let Some(name) = path::name(missing.0) else { return NOT_FOUND };
            let parent = missing.1.parent();
            self.nodes.insert(missing.1, Node { name, value: value.take(), access: Access::Free });
            let (Some((uri, _)), Some(parent)) = (missing.0.rsplit_once('/'), parent) else { break };
            missing = (uri, parent);
        }
        200
    }

    fn children(&self, path: &Path) -> Value {
        let mut names: Vec<_> = (self.nodes.iter())
            .filter(|(other, _)| other.parent().as_ref() == Some(path))
            .map(|(_, node)| path::encode(&node.name))
            .collect();
        if self.push.parent().as_ref() == Some(path) && self.channel.is_some() {
            names.push("Push".to_owned());
        }
        Value::list(names.join("/"))
    }
}

impl Value {
    fn text(data: &str) -> Self {
        Self { data: data.to_owned(), format: None }
    }

    fn list(data: String) -> Self {
        Self { data, format: Some("node") }
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Value({} bytes)", self.data.len())
    }
}

/// What a device tells about itself in package 1, in this order (oma-dm.md §3.2).
pub(super) fn dev_info<'a>(name: &'a str, profile: &'a Profile) -> [(&'static str, &'a str); 5] {
    [
        ("./DevInfo/DevId", name),
        ("./DevInfo/Man", &profile.manufacturer),
        ("./DevInfo/Mod", &profile.model),
        ("./DevInfo/DmV", "1.3"),
        ("./DevInfo/Lang", "en-US"),
    ]
}

fn path(constant: &str) -> Path {
    Path::parse(constant).expect("a constant address")
}

#[cfg(test)]
mod tests;
