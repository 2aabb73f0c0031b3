//! What the other client reads out of a reply.

use roxmltree::{Document, Node};

/// A reply, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) msg_id: String,
    /// The header's `Cred/Data`.
    pub(crate) cred: Option<String>,
    /// The `LocName` of the header's Source.
    pub(crate) user: Option<String>,
    /// The verdict about our header.
    pub(crate) header_status: u16,
    /// The `NextNonce` of the challenge in that Status.
    pub(crate) next_nonce: Option<String>,
    /// Whether that Status challenges us.
    pub(crate) is_challenge: bool,
    pub(crate) orders: Vec<Order>,
    pub(crate) is_final: bool,
}

/// A command that we are to carry out.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) verb: String,
    /// Node and value.
    pub(crate) items: Vec<(String, String)>,
    /// What is inside of a group.
    pub(crate) inner: Vec<Order>,
}

impl Reply {
    pub(crate) fn read(text: &str) -> Self {
        let document = Document::parse(text).expect("a reply is XML");
        let root = document.root_element();
        assert_eq!(root.tag_name().name(), "SyncML");
        let header = child(root, "SyncHdr").expect("a reply has a header");
        let body = child(root, "SyncBody").expect("a reply has a body");
        let mut reply = Self {
            msg_id: text_at(header, &["MsgID"]).expect("a reply has a MsgID"),
            cred: text_at(header, &["Cred", "Data"]),
            user: text_at(header, &["Source", "LocName"]),
            ..Self::default()
        };
        for node in elements(body) {
            match node.tag_name().name() {
                "Final" => reply.is_final = true,
                "Status" => reply.status(node),
                _ => reply.orders.push(order(node)),
            }
        }
        reply
    }

    fn status(&mut self, status: Node<'_, '_>) {
        if text_at(status, &["CmdRef"]).as_deref() == Some("0") {
            self.header_status = text_at(status, &["Data"]).and_then(|code| code.parse().ok()).unwrap_or(0);
            self.next_nonce = text_at(status, &["Chal", "Meta", "NextNonce"]);
            self.is_challenge = child(status, "Chal").is_some();
        }
    }
}

fn order(node: Node<'_, '_>) -> Order {
    let verb = node.tag_name().name().to_owned();
    let is_group = verb == "Sequence" || verb == "Atomic";
    let is_command = |node: &Node<'_, '_>| !["CmdID", "Meta"].contains(&node.tag_name().name());
    let items = elements(node).filter(|node| node.tag_name().name() == "Item");
    let items = items.map(|item| {
        let node = text_at(item, &["Target", "LocURI"]).unwrap_or_default();
        (node, text_at(item, &["Data"]).unwrap_or_default())
    });
    Order {
        id: text_at(node, &["CmdID"]).expect("a command has a CmdID"),
        items: items.collect(),
        inner: if is_group { elements(node).filter(is_command).map(order).collect() } else { Vec::new() },
        verb,
    }
}

fn elements<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(Node::is_element)
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    elements(node).find(|child| child.tag_name().name() == name)
}

/// The text of the element at the end of this path.
fn text_at(node: Node<'_, '_>, path: &[&str]) -> Option<String> {
    let found = path.iter().try_fold(node, |node, name| child(node, name))?;
    Some(found.text().unwrap_or_default().to_owned())
}
