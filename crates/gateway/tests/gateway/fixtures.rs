//! Every message that a device is known to have sent is answered, by rules that are written down here and nowhere else:
//! believed or not, one Status per command in the order of the document, the right code for each.

use std::path::Path;

use roxmltree::{Document, Node};

use crate::{
    authority::Issued,
    field::{Field, SYNCML},
};

/// What the index tells of a fixture, and its text.
struct Fixture {
    file: String,
    is_from_device: bool,
    bytes: Vec<u8>,
}

/// Messages that nobody could read: no `SyncHdr` worth the name, bytes of another encoding, two hundred levels.
const UNREADABLE: [&str; 4] = ["14-", "17-", "s-invalid-utf8", "s-deep-nesting"];

fn fixtures() -> Vec<Fixture> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../syncml/tests/fixtures");
    let index = std::fs::read_to_string(directory.join("index.tsv")).unwrap();
    let read = |line: &str| {
        let (file, rest) = line.split_once('\t').unwrap();
        let direction = rest.split('\t').next().unwrap();
        let mut bytes = std::fs::read(directory.join(file)).unwrap();
        if direction.ends_with("fragment") {
            bytes = wrapped(&String::from_utf8(bytes).unwrap());
        }
        Fixture { file: file.to_owned(), is_from_device: direction.starts_with("device"), bytes }
    };
    index.lines().skip(1).map(read).collect()
}

/// A fragment in a message; it may be a whole `SyncBody` already.
fn wrapped(fragment: &str) -> Vec<u8> {
    let commands = fragment.trim_start_matches(|c: char| c != '<');
    let body = if commands.contains("<SyncBody") {
        commands.to_owned()
    } else {
        format!("<SyncBody>{commands}<Final/></SyncBody>")
    };
    format!(
        "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><SessionID>7</SessionID><MsgID>1</MsgID><Target><LocURI>/</LocURI>\
         </Target><Source><LocURI>FRAGMENT</LocURI></Source></SyncHdr>{body}</SyncML>"
    )
    .into_bytes()
}

/// What the reference says of the answer to one message of a believed device.
#[derive(Debug, PartialEq, Eq)]
struct Expected {
    /// `CmdRef` and code, the `SyncHdr` first.
    statuses: Vec<(String, String)>,
    is_final: bool,
}

fn expected(text: &str) -> Expected {
    let document = Document::parse(text).unwrap();
    let body = named(document.root_element(), "SyncBody").unwrap();
    let commands: Vec<_> = body.children().filter(Node::is_element).collect();
    let has = |name: &str| commands.iter().any(|command| command.tag_name().name() == name);
    let mut statuses = vec![("0".to_owned(), "200".to_owned())];
    statuses.extend(commands.iter().filter_map(|command| status(*command)));
    // Whoever has more to say is asked for it, unless it goes on with a session that we know nothing of
    // (oma-dm.md §3.4, §6).
    let is_stray = !text.contains("<Data>1201<")
        && !text.contains("<Data>1200<")
        && commands.iter().any(|it| answers(*it));
    if is_stray {
        let buffered = statuses.iter_mut().filter(|(_, code)| code == "213");
        buffered.for_each(|(_, code)| "410 or 413 or 416".clone_into(code));
    }
    Expected { statuses, is_final: is_stray || has("Final") }
}

/// Whether a command is the answer to one of ours.
fn answers(command: Node<'_, '_>) -> bool {
    let about = named(command, "CmdRef").and_then(|it| it.text()).unwrap_or_default();
    match command.tag_name().name() {
        "Results" => true,
        "Status" => about != "0",
        _ => false,
    }
}

/// The code of a command that a client sends (oma-dm.md §3.1, §3.3, §5.2, §6); None if it gets no Status.
fn status(command: Node<'_, '_>) -> Option<(String, String)> {
    let id = named(command, "CmdID").and_then(|id| id.text()).unwrap_or_default().trim().to_owned();
    let has_chunk = command.descendants().any(|node| node.tag_name().name() == "MoreData");
    let code = match command.tag_name().name() {
        "Results" if has_chunk => "213",
        "Final" | "Status" | "Results" => return None,
        _ if id.is_empty() => "400",
        "Alert" | "Replace" => "200",
        "Add" | "Atomic" | "Delete" | "Exec" | "Get" | "Sequence" => "405 or 406",
        "Copy" | "Map" | "Move" | "Put" | "Search" | "Sync" => "406",
        _ => "400",
    };
    Some((id, code.to_owned()))
}

fn named<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.tag_name().name() == name)
}

/// What a reply says.
fn told(reply: &str) -> Expected {
    let document = Document::parse(reply).unwrap();
    let body = named(document.root_element(), "SyncBody").unwrap();
    let text = |node: Node<'_, '_>, name: &str| {
        named(node, name).and_then(|it| it.text()).unwrap_or_default().to_owned()
    };
    let statuses = body.children().filter(|node| node.tag_name().name() == "Status");
    Expected {
        statuses: statuses.map(|status| (text(status, "CmdRef"), text(status, "Data"))).collect(),
        is_final: named(body, "Final").is_some(),
    }
}

fn fits(expected: &Expected, told: &Expected) -> bool {
    let same = |((id, code), (told_id, told_code)): (&(String, String), &(String, String))| {
        id == told_id && code.split(" or ").any(|code| code == told_code)
    };
    expected.is_final == told.is_final
        && expected.statuses.len() == told.statuses.len()
        && expected.statuses.iter().zip(&told.statuses).all(same)
}

async fn post(field: &Field, issued: Option<&Issued>, body: Vec<u8>) -> (u16, String) {
    let ca = reqwest::Certificate::from_pem(field.authority.pem().as_bytes()).unwrap();
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([ca]);
    let builder = match issued {
        Some(issued) => builder.identity(issued.identity()),
        None => builder,
    };
    let client = builder.build().unwrap();
    let response =
        client.post(field.url.clone()).header("content-type", SYNCML).body(body).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// The device that a message names, and what it says of its `DevId`.
fn claimed(text: &str) -> (String, Option<String>) {
    let document = Document::parse(text).unwrap();
    let header = named(document.root_element(), "SyncHdr").unwrap();
    let source =
        named(header, "Source").and_then(|source| named(source, "LocURI")).and_then(|uri| uri.text());
    let is_dev_id = |node: &Node<'_, '_>| {
        let uri = node.descendants().find(|it| it.tag_name().name() == "LocURI").and_then(|uri| uri.text());
        node.tag_name().name() == "Item"
            && uri.is_some_and(|uri| uri.trim().eq_ignore_ascii_case("./DevInfo/DevId"))
    };
    let item = document.descendants().find(is_dev_id);
    let dev_id = item.and_then(|item| named(item, "Data")).and_then(|data| data.text());
    (source.unwrap_or_default().trim().to_owned(), dev_id.map(|id| id.trim().to_owned()))
}

#[tokio::test]
async fn every_fixture_of_a_device_is_answered_by_the_rules() {
    let field = Field::secured(|_| {}).await;
    let mut seen = 0;
    for fixture in fixtures().into_iter().filter(|fixture| fixture.is_from_device) {
        let Fixture { file, bytes, .. } = fixture;
        let issued = field.authority.common_name("a device");
        if UNREADABLE.iter().any(|start| file.starts_with(start)) {
            let (status, text) = post(&field, Some(&issued), bytes).await;
            assert_eq!(status, 400, "{file}");
            assert!(text.contains("expected"), "{file}: says what is wrong: {text}");
            seen += 1;
            continue;
        }
        let text = String::from_utf8(bytes.clone()).unwrap();
        let text = text.trim_start_matches('\u{feff}').to_owned();
        let (name, dev_id) = claimed(&text);
        field.create_as(&name, None, Some(issued.fingerprint())).await;
        let (status, stranger) = post(&field, None, bytes.clone()).await;
        assert_eq!(status, 200, "{file}");
        let refused = told(&stranger);
        assert!(
            refused.is_final && refused.statuses.iter().all(|(_, code)| code == "407"),
            "{file}: {stranger}"
        );
        let (status, reply) = post(&field, Some(&issued), bytes).await;
        assert_eq!(status, 200, "{file}");
        let (mut expected, told) = (expected(&text), told(&reply));
        if dev_id.is_some_and(|id| !id.eq_ignore_ascii_case(&name)) {
            // Nothing of it is believed (oma-dm.md §7.4).
            expected.statuses.iter_mut().for_each(|(_, code)| "403".clone_into(code));
            expected.is_final = true;
        }
        assert!(fits(&expected, &told), "{file}: expected {expected:?}, got {reply}");
        // Several fixtures are of the same device.
        let device = store::DeviceRef::Name(name.parse().unwrap());
        field.store.delete_device(&device, None, field.store.now()).await.unwrap().unwrap();
        seen += 1;
    }
    assert!(seen >= 22, "only {seen} fixtures were there");
    println!("{seen} messages of devices were answered by the rules");
}

#[tokio::test]
async fn what_servers_send_is_answered_too() {
    let field = Field::secured(|_| {}).await;
    for Fixture { file, bytes, .. } in fixtures().into_iter().filter(|fixture| !fixture.is_from_device) {
        let (status, text) = post(&field, None, bytes).await;
        assert!([200, 400].contains(&status), "{file}: {status} {text}");
        assert!(status == 200 || text.contains("expected"), "{file}: {text}");
    }
}
