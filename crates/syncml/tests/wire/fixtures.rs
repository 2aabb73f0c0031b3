//! Every file of `tests/fixtures`; its index names the origin and the licence of each.

use std::{fs, path::PathBuf};

use syncml::{Command, Data, Message, Secret};

use super::{parse, with_body};

/// The names of all fixtures.
pub(crate) fn names() -> Vec<String> {
    let index = String::from_utf8(document("index.tsv")).unwrap();
    let name = |line: &str| line.split('\t').next().unwrap().to_owned();
    index.lines().skip(1).map(name).collect()
}

/// Reads a fixture as a whole document: a fragment gets a header and a body around it.
pub(crate) fn document(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let bytes = fs::read(path).unwrap();
    if !name.ends_with(".fragment.xml") {
        return bytes;
    }
    let fragment = String::from_utf8(bytes).unwrap();
    let inner = fragment.trim().strip_prefix("<SyncBody>");
    let inner = inner.and_then(|rest| rest.strip_suffix("</SyncBody>"));
    with_body(inner.unwrap_or(&fragment)).into_bytes()
}

/// What is wrong with the fixtures that are not messages.
const WRONG: &[(&str, &str)] = &[
    ("12-learn-diagnosticlog-exec-snap.xml", "expected SyncHdr, found none"),
    ("13-learn-diagnosticlog-replace-type-no-ns.xml", "expected SyncHdr, found none"),
    ("14-learn-diagnosticlog-results-collection.xml", "expected SessionID, found none"),
    ("15-learn-edam-add-exec-msiinstalljob-ns11.xml", "expected SyncHdr, found none"),
    ("17-learn-edam-response-utf16-decl.xml", "expected SessionID, found none"),
    ("39-marcosd4h-diaglog_diagnosticarchive.fragment.xml", "expected a comment or CDATA after <!"),
    ("s-deep-nesting.xml", "expected at most 64 elements inside one another, found more"),
    ("s-invalid-utf8-latin1.xml", "expected UTF-8 or UTF-16, found other bytes"),
];

#[test]
fn every_fixture_is_a_message_or_the_right_error() {
    let names = names();
    assert_eq!(names.len(), 58);
    for name in &names {
        let document = document(name);
        let wrong = WRONG.iter().find(|(wrong, _)| *wrong == name).map(|(_, why)| *why);
        match parse(&document) {
            Ok(message) => {
                assert_eq!(wrong, None, "{name}");
                let written = message.to_xml();
                assert_eq!(parse(written.as_bytes()), Ok(message), "{name}");
            }
            Err(error) => assert_eq!(Some(error.kind.to_string().as_str()), wrong, "{name}"),
        }
    }
}

#[test]
fn compact_documents_are_written_byte_for_byte() {
    for name in [
        "24-fleet-ngrok-win10-19043-session1-package1.xml",
        "26-fleet-ngrok-win10-19043-unenroll-1226.xml",
        "s-accept-212-next-nonce.xml",
        "s-chunk-1-d2s.xml",
        "s-push-delete-then-add.xml",
        "s-push-results-empty-channel-status3.xml",
    ] {
        let mut document = document(name);
        // The last one writes the Type before the Format, as some captures do.
        let message = parse(&document).unwrap().to_xml();
        if name.starts_with("26") {
            let swapped = "<Type xmlns=\"syncml:metinf\">com.microsoft:mdm.unenrollment.userrequest</Type>\
                           <Format xmlns=\"syncml:metinf\">int</Format>";
            let ours = "<Format xmlns=\"syncml:metinf\">int</Format>\
                        <Type xmlns=\"syncml:metinf\">com.microsoft:mdm.unenrollment.userrequest</Type>";
            document = String::from_utf8(document).unwrap().replace(swapped, ours).into_bytes();
        }
        assert_eq!(message, String::from_utf8(document).unwrap(), "{name}");
    }
}

#[test]
fn package_1_of_a_real_device() {
    let document = document("28-marcosd4h-win-package1.xml");
    let Message { header, commands, is_final } = parse(&document).unwrap();
    assert_eq!((header.session_id.as_ref(), header.msg_id, is_final), ("1", 1, true));
    assert_eq!(header.ver_proto.as_deref(), Some("DM/1.2"));
    assert_eq!(header.source.uri, "1E08C6E95D8BB843B1278FF45BC60CC6");
    assert_eq!(header.target.unwrap().uri, "https://pocmdmserver.com/ManagementServer/MDM.svc");
    assert_eq!((header.cred, header.meta), (None, None));

    let [Command::Alert(client), Command::Alert(login), Command::Replace(info)] = &commands[..] else {
        panic!("{commands:?}");
    };
    assert_eq!((client.cmd_id.as_deref(), client.code()), (Some("2"), Some(1201)));
    assert_eq!((login.cmd_id.as_deref(), login.code()), (Some("3"), Some(1224)));
    assert_eq!(login.items[0].kind(), Some("com.microsoft/MDM/LoginStatus"));
    assert_eq!(login.items[0].value(), "user");
    let info: Vec<_> = info.items.iter().map(|item| (item.uri().unwrap(), item.value())).collect();
    assert_eq!(
        info,
        [
            ("./DevInfo/DevId", "1E08C6E95D8BB843B1278FF45BC60CC6"),
            ("./DevInfo/Man", "VMware, Inc."),
            ("./DevInfo/Mod", "VMware7,1"),
            ("./DevInfo/DmV", "1.3"),
            ("./DevInfo/Lang", "en-US"),
        ]
    );
}

#[test]
fn a_challenge_and_its_nonce() {
    let document = document("s-challenge-407-md5.xml");
    let message = parse(&document).unwrap();
    let Command::Status(status) = &message.commands[0] else { panic!("{message:?}") };
    assert_eq!((status.cmd_ref.as_deref(), status.code()), (Some("0"), Some(407)));
    let meta = &status.chal.as_ref().unwrap().meta;
    assert_eq!(meta.kind.as_deref(), Some("syncml:auth-md5"));
    assert_eq!(meta.next_nonce.as_ref().map(Secret::expose), Some("AAECAwQFBgcICQoLDA0ODw=="));
}

#[test]
fn what_devices_and_documents_get_wrong_is_understood() {
    let comment = document("s-comment-and-pi.xml");
    let Command::Alert(alert) = &parse(&comment).unwrap().commands[0] else { panic!() };
    assert_eq!(alert.code(), Some(1201), "a comment inside a text joins the pieces");

    let markup = document("18-learn-windc-1224-declaredconfigurationdocuments.xml");
    let Command::Alert(alert) = &parse(&markup).unwrap().commands[1] else { panic!() };
    let Some(Data::Markup(inner)) = &alert.items[0].data else { panic!() };
    assert!(inner.as_str().trim().starts_with("<DeclaredConfigurations schema=\"1.0\">"));
    assert!(inner.as_str().trim().ends_with("</DeclaredConfigurations>"));

    let unenroll = document("70-learn-unenroll-package1.xml");
    let Command::Alert(alert) = &parse(&unenroll).unwrap().commands[0] else { panic!() };
    assert_eq!(alert.items[0].kind(), Some("com.microsoft:mdm.unenrollment.userrequest"));

    let prefixed = document("38-marcosd4h-disable_firewall.fragment.xml");
    let Command::Add(add) = &parse(&prefixed).unwrap().commands[0] else { panic!() };
    assert_eq!(add.items[0].meta.as_ref().unwrap().format.as_deref(), Some("bool"));

    let spaced = document("66-syncmlviewer-replace.fragment.xml");
    let Command::Replace(replace) = &parse(&spaced).unwrap().commands[0] else { panic!() };
    assert_eq!(replace.items[0].uri(), Some("./Vendor/MSFT/Personalization/LockScreenImageUrl"));
}

#[test]
fn unknown_elements_are_kept_where_a_command_belongs_and_skipped_elsewhere() {
    let document = with_body(
        "<Copy><CmdID> 7 </CmdID><Item/></Copy><x:Odd xmlns:x='urn:x'/>\
         <Sequence><CmdID>8</CmdID><Map><CmdID>9</CmdID></Map></Sequence>\
         <Get><CmdID>10</CmdID><Lang>de</Lang><Item><Type>t</Type><Nonsense><Data>no</Data></Nonsense></Item></Get>",
    );
    let message = parse(document.as_bytes()).unwrap();
    let seen: Vec<_> = message.commands.iter().map(|it| (it.name(), it.cmd_id())).collect();
    let expect = [("Copy", Some("7")), ("Odd", None), ("Sequence", Some("8")), ("Get", Some("10"))];
    assert_eq!(seen, expect);
    let Command::Sequence(group) = &message.commands[2] else { panic!() };
    assert_eq!((group.commands[0].name(), group.commands[0].cmd_id()), ("Map", Some("9")));
    let Command::Get(get) = &message.commands[3] else { panic!() };
    assert_eq!((get.items[0].kind(), get.items[0].value()), (Some("t"), ""));
    assert!(!message.is_final);
}

#[test]
fn text_is_what_xml_says_it_is() {
    for (data, expect) in [
        ("<Data>x &amp; y</Data>", "x & y"),
        ("<Data>  a b </Data>", "  a b "),
        ("<Data>a<![CDATA[<b>&amp;]]>c</Data>", "a<b>&amp;c"),
        ("<Data>1<?pi x?>2<!-- 3 -->4</Data>", "124"),
        ("<Data>&#65;&#x42;&#xf000;</Data>", "AB\u{f000}"),
        ("<Data>a\r\nb\rc&#13;</Data>", "a\nb\nc\r"),
        ("<Data><a b='&lt;'>x</a> y</Data>", "<a b='&lt;'>x</a> y"),
        ("<Data/>", ""),
        ("<Data></Data>", ""),
        ("", ""),
    ] {
        let document = with_body(&format!("<Get><Item>{data}</Item></Get>"));
        let message = parse(document.as_bytes()).unwrap();
        let Command::Get(get) = &message.commands[0] else { panic!() };
        assert_eq!(get.items[0].value(), expect, "{data}");
        assert_eq!(parse(message.to_xml().as_bytes()).as_ref(), Ok(&message), "{data}");
    }
}

#[test]
fn debug_shows_no_content() {
    let secret = "hunter2";
    let document = format!(
        "<SyncML><SyncHdr><SessionID>1</SessionID><MsgID>1</MsgID><Source><LocURI>d</LocURI></Source>\
         <Cred><Meta><NextNonce>{secret}</NextNonce></Meta><Data>{secret}</Data></Cred></SyncHdr><SyncBody>\
         <Status><Chal><Meta><NextNonce>{secret}</NextNonce></Meta></Chal></Status>\
         <Results><Item><Data>{secret}</Data></Item><Item><Data><a>{secret}</a></Data></Item></Results>\
         </SyncBody></SyncML>"
    );
    let message = parse(document.as_bytes()).unwrap();
    assert!(!format!("{message:?}").contains(secret));
    assert!(message.to_xml().contains(secret));
}
