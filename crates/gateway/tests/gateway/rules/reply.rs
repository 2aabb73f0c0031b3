//! What the table looks at in a reply.

use roxmltree::{Document, Node};

/// The last answer of the gateway.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) text: String,
    /// `0:200 2:200 Get Final`, or the HTTP status if that is not 200.
    pub(crate) shape: String,
    pub(crate) msg_id: String,
    /// The `NextNonce` of the challenge in the header's Status.
    pub(crate) nonce: Option<String>,
    /// `CmdID`, name and nodes of each command, those inside of groups as well.
    pub(crate) commands: Vec<(String, String, Vec<String>)>,
}

impl Reply {
    pub(crate) fn read(status: u16, text: String) -> Self {
        if status != 200 {
            return Self { status, shape: format!("HTTP {status}"), text, ..Self::default() };
        }
        let document = Document::parse(&text).expect("a reply is XML");
        let find = |name: &str| document.descendants().find(|node| node.has_tag_name_locally(name));
        let msg_id = find("MsgID").map(words).unwrap_or_default();
        let nonce = find("NextNonce").map(words);
        let body = find("SyncBody").expect("a reply has a body");
        let mut shape: Vec<String> = Vec::new();
        for node in body.children().filter(Node::is_element) {
            let word = word(node);
            // Several Gets are one read to the table: how they are cut is not its business.
            if word != "Get" || shape.last().is_none_or(|last| last != "Get") {
                shape.push(word);
            }
        }
        let mut commands = Vec::new();
        collect(body, &mut commands);
        Self { status, shape: shape.join(" "), msg_id, nonce, commands, text }
    }

    /// The `CmdID` of the n-th command of this name, from 0.
    pub(crate) fn id_of(&self, name: &str, nth: usize) -> String {
        let mut named = self.commands.iter().filter(|(_, other, _)| other == name);
        named.nth(nth).unwrap_or_else(|| panic!("no {name} in {}", self.shape)).0.clone()
    }

    /// The nodes that are read, in order.
    pub(crate) fn nodes_read(&self) -> Vec<&str> {
        let gets = self.commands.iter().filter(|(_, name, _)| name == "Get");
        gets.flat_map(|(_, _, nodes)| nodes.iter().map(String::as_str)).collect()
    }
}

fn word(node: Node<'_, '_>) -> String {
    let inner = |name: &str| node.children().find(|child| child.has_tag_name_locally(name));
    let said = |name: &str| inner(name).map(words).unwrap_or_default();
    match node.tag_name().name() {
        "Status" => {
            let chal = if inner("Chal").is_some() { "+Chal" } else { "" };
            format!("{}:{}{chal}", said("CmdRef"), said("Data"))
        }
        "Alert" => format!("Alert{}", said("Data")),
        name => name.to_owned(),
    }
}

fn collect(parent: Node<'_, '_>, commands: &mut Vec<(String, String, Vec<String>)>) {
    for node in parent.children().filter(Node::is_element) {
        let name = node.tag_name().name();
        if ["Add", "Alert", "Atomic", "Delete", "Exec", "Get", "Replace", "Sequence"].contains(&name) {
            let id = node.children().find(|child| child.has_tag_name_locally("CmdID"));
            let items = node.children().filter(|child| child.has_tag_name_locally("Item"));
            let uris =
                items.filter_map(|item| item.descendants().find(|it| it.has_tag_name_locally("LocURI")));
            commands.push((id.map(words).unwrap_or_default(), name.to_owned(), uris.map(words).collect()));
            collect(node, commands);
        }
    }
}

fn words(node: Node<'_, '_>) -> String {
    node.text().unwrap_or_default().to_owned()
}

trait Locally {
    fn has_tag_name_locally(&self, name: &str) -> bool;
}

impl Locally for Node<'_, '_> {
    fn has_tag_name_locally(&self, name: &str) -> bool {
        self.tag_name().name() == name
    }
}
