//! The shapes that documents come in, by the reference's sections.

use syncml::{Command, Message, Secret};

use super::{parse, with_body};

/// What is asked of a message, as text.
type Ask = fn(&Message<'_>) -> String;

const FIRST_ITEM: Ask = |message| {
    let items = match &message.commands[0] {
        Command::Add(it) | Command::Replace(it) | Command::Get(it) => &it.items,
        Command::Alert(it) => &it.items,
        Command::Results(it) => &it.items,
        it => panic!("{it:?}"),
    };
    let item = &items[0];
    let meta = item.meta.clone().unwrap_or_default();
    let more = if item.more_data { " more" } else { "" };
    let (kind, size) = (meta.kind.unwrap_or_default(), meta.size.unwrap_or_default());
    format!("{}={}|{kind}|{size}{more}", item.uri().unwrap_or_default(), item.value())
};

const REFS: Ask = |message| {
    let (cmd_id, msg_ref, cmd_ref, cmd) = match &message.commands[0] {
        Command::Status(it) => (&it.cmd_id, &it.msg_ref, &it.cmd_ref, &it.cmd),
        Command::Results(it) => (&it.cmd_id, &it.msg_ref, &it.cmd_ref, &it.cmd),
        it => panic!("{it:?}"),
    };
    [cmd_id, msg_ref, cmd_ref, cmd].map(|field| field.as_deref().unwrap_or("-")).join(" ")
};

const STATUS: Ask = |message| {
    let Command::Status(status) = &message.commands[0] else { panic!("{message:?}") };
    let code = status.code().map_or("-".to_owned(), |code| code.to_string());
    format!("{code} {} {}", status.original_error.as_deref().unwrap_or("-"), status.target_refs.join(","))
};

const CHAL: Ask = |message| {
    let Command::Status(status) = &message.commands[0] else { panic!("{message:?}") };
    let meta = &status.chal.as_ref().unwrap().meta;
    let nonce = meta.next_nonce.as_ref().map(Secret::expose);
    let [kind, format] = [&meta.kind, &meta.format].map(|field| field.as_deref().unwrap_or("-"));
    format!("{kind} {format} {}", nonce.unwrap_or("-"))
};

const COMMANDS: Ask = |message| {
    let name = |it: &Command<'_>| format!("{}:{}", it.name(), it.cmd_id().unwrap_or("-"));
    message.commands.iter().map(name).collect::<Vec<_>>().join(" ")
};

/// Section of oma-dm.md, the content of a `SyncBody`, what is asked and the answer.
const BODIES: &[(&str, &str, Ask, &str)] = &[
    (
        "2.1 a Status with the error of the device",
        "<Status><Data msft:originalerror='0x86000002'>404</Data></Status>",
        STATUS,
        "404 0x86000002 ",
    ),
    (
        "2.1 its prefix declared here",
        "<Status><Data xmlns:msft='urn:x' msft:originalerror='0x1'>404</Data></Status>",
        STATUS,
        "404 0x1 ",
    ),
    (
        "2.1 another prefix",
        "<Status><Data x:originalerror = \"0x1\" >404</Data></Status>",
        STATUS,
        "404 0x1 ",
    ),
    ("2.1 no prefix", "<Status><Data originalerror='&lt;1&gt;'/></Status>", STATUS, "- <1> "),
    (
        "2.1 a prefix of that name is none",
        "<Status><Data xmlns:originalerror='0x1'>404</Data></Status>",
        STATUS,
        "404 - ",
    ),
    (
        "2.1 the first Data counts",
        "<Status><Data>404</Data><Data originalerror='0x1'>500</Data></Status>",
        STATUS,
        "404 - ",
    ),
    ("2.1 undeclared prefixes", "<a:Get b:c='d'><a:CmdID>2</a:CmdID></a:Get>", COMMANDS, "Get:2"),
    (
        "2.1 Type without namespace",
        "<Alert><Item><Meta><Type>t</Type></Meta></Item></Alert>",
        FIRST_ITEM,
        "=|t|",
    ),
    (
        "2.1 Type of a wrong namespace",
        "<Alert><Item><Meta><Type xmlns='syncml:metinfo'>t</Type></Meta></Item></Alert>",
        FIRST_ITEM,
        "=|t|",
    ),
    (
        "2.1 Type outside Meta",
        "<Alert><Item><Type>t</Type><Data>d</Data></Item></Alert>",
        FIRST_ITEM,
        "=d|t|",
    ),
    (
        "2.1 indented",
        "<Get>\r\n  <CmdID>\r\n    2\r\n  </CmdID>\r\n  <Item>\n<Target>\n<LocURI>\n\t./a\n</LocURI>\n</Target>\n</Item>\n</Get>",
        FIRST_ITEM,
        "./a=||",
    ),
    (
        "2.1 single quotes",
        "<Alert><Item><Meta xmlns='a' b=\"'\"><Type xmlns='syncml:metinf'>t</Type></Meta></Item></Alert>",
        FIRST_ITEM,
        "=|t|",
    ),
    (
        "2.1 comments and instructions",
        "<!-- a --><?b c?><Get><CmdID>1<!-- . -->2</CmdID></Get><!----><Final/>",
        COMMANDS,
        "Get:12",
    ),
    (
        "3.3 no CmdID, an empty one, blanks, duplicates",
        "<Get/><Get><CmdID/></Get><Get><CmdID> </CmdID></Get><Get><CmdID> 7 </CmdID></Get><Add><CmdID>7</CmdID></Add>",
        COMMANDS,
        "Get:- Get:- Get:- Get:7 Add:7",
    ),
    ("3.3 Results without references", "<Results><CmdID>2</CmdID></Results>", REFS, "2 - - -"),
    (
        "3.3 Results with Cmd",
        "<Results><CmdID>2</CmdID><MsgRef>1</MsgRef><CmdRef>4</CmdRef><Cmd>Get</Cmd></Results>",
        REFS,
        "2 1 4 Get",
    ),
    (
        "3.3 references in another order",
        "<Status><Cmd>SyncHdr</Cmd><CmdRef>0</CmdRef><MsgRef>1</MsgRef></Status>",
        REFS,
        "- 1 0 SyncHdr",
    ),
    ("5.1 a command that is none", "<Copy><CmdID>3</CmdID><Item/></Copy><Sync/>", COMMANDS, "Copy:3 Sync:-"),
    (
        "5.2 several TargetRefs",
        "<Status><TargetRef>./a</TargetRef><TargetRef>./b</TargetRef><Data>200</Data></Status>",
        STATUS,
        "200 - ./a,./b",
    ),
    ("5.2 a code that is none", "<Status><Data>OK</Data></Status>", STATUS, "- - "),
    ("6 Data that is empty", "<Add><Item><Data/></Item></Add>", FIRST_ITEM, "=||"),
    ("6 Data with nothing in it", "<Add><Item><Data></Data></Item></Add>", FIRST_ITEM, "=||"),
    ("6 no Data", "<Add><Item></Item></Add>", FIRST_ITEM, "=||"),
    ("6 white space in Data stays", "<Add><Item><Data> a\n b </Data></Item></Add>", FIRST_ITEM, "= a\n b ||"),
    (
        "6 line ends in Data",
        "<Add><Item><Data>a\r\nb\rc&#13;</Data></Item></Add>",
        FIRST_ITEM,
        "=a\nb\nc\r||",
    ),
    ("6 CDATA", "<Add><Item><Data>a<![CDATA[<b>&amp;]]>c</Data></Item></Add>", FIRST_ITEM, "=a<b>&amp;c||"),
    (
        "6 markup",
        "<Add><Item><Data> <m:a xmlns:m='urn:m'>&lt;</m:a> </Data></Item></Add>",
        FIRST_ITEM,
        "= <m:a xmlns:m='urn:m'>&lt;</m:a> ||",
    ),
    (
        "6 a list of FirstSyncStatus",
        "<Add><Item><Data>a\u{f000}b</Data></Item></Add>",
        FIRST_ITEM,
        "=a\u{f000}b||",
    ),
    (
        "6 a first chunk",
        "<Results><Item><Source><LocURI>./a</LocURI></Source><Meta><Size>70000</Size></Meta><Data>x</Data><MoreData/></Item></Results>",
        FIRST_ITEM,
        "./a=x||70000 more",
    ),
    (
        "6 MoreData with an end tag",
        "<Replace><Item><MoreData></MoreData><Data>x</Data></Item></Replace>",
        FIRST_ITEM,
        "=x|| more",
    ),
    (
        "7.2 Chal, Format before Type",
        "<Status><Chal><Meta><Format>b64</Format><Type>syncml:auth-md5</Type><NextNonce>bm9uY2U=</NextNonce></Meta></Chal></Status>",
        CHAL,
        "syncml:auth-md5 b64 bm9uY2U=",
    ),
    (
        "7.2 Chal, NextNonce first",
        "<Status><Chal><Meta xmlns='syncml:metinf'><NextNonce>\nbm9uY2U=\n</NextNonce><Type>syncml:auth-md5</Type></Meta></Chal></Status>",
        CHAL,
        "syncml:auth-md5 - bm9uY2U=",
    ),
    (
        "7.2 Chal for basic",
        "<Status><Chal><Meta><Type>syncml:auth-basic</Type><Format/></Meta></Chal></Status>",
        CHAL,
        "syncml:auth-basic  -",
    ),
    ("7.2 Chal without Meta", "<Status><Chal/></Status>", CHAL, "- - -"),
];

#[test]
fn every_shape_is_understood() {
    for (what, body, ask, expect) in BODIES {
        let document = with_body(body);
        let message = parse(document.as_bytes()).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(ask(&message), *expect, "{what}");
        let written = message.to_xml();
        assert_eq!(parse(written.as_bytes()).as_ref(), Ok(&message), "{what}: {written}");
    }
}

/// The header of a message that has `inner` after its Source.
fn header(session_id: &str, inner: &str) -> String {
    format!(
        "<SyncML><SyncHdr><Source><LocURI>dev</LocURI>{inner}</SyncHdr><SyncBody/></SyncML>",
        inner = format_args!("</Source><MsgID>1</MsgID><SessionID>{session_id}</SessionID>{inner}")
    )
}

#[test]
fn a_session_id_is_opaque() {
    let long = "x".repeat(1000);
    for (written, expect) in [("0", "0"), ("1F", "1F"), ("12345", "12345"), (" a b ", "a b"), (&long, &long)]
    {
        let document = header(written, "");
        assert_eq!(parse(document.as_bytes()).unwrap().header.session_id, expect);
    }
}

#[test]
fn the_header_says_how_much_its_sender_takes() {
    let document = header(
        "1",
        "<Meta><MaxObjSize xmlns='syncml:metinf'>200000</MaxObjSize><x/><MaxMsgSize> 16384 </MaxMsgSize></Meta>",
    );
    let meta = parse(document.as_bytes()).unwrap().header.meta.unwrap();
    assert_eq!((meta.max_msg_size.as_deref(), meta.max_obj_size.as_deref()), (Some("16384"), Some("200000")));
}

#[test]
fn a_credential_names_its_scheme_in_any_order() {
    for cred in [
        "<Cred><Meta><Format>b64</Format><Type>syncml:auth-md5</Type></Meta><Data>ZGlnZXN0</Data></Cred>",
        "<Cred><Data>\n ZGlnZXN0 </Data><Meta><Type>syncml:auth-md5</Type><Format>b64</Format></Meta></Cred>",
    ] {
        let document = header("1", cred);
        let cred = parse(document.as_bytes()).unwrap().header.cred.unwrap();
        assert_eq!((cred.meta.kind.as_deref(), cred.data.expose()), (Some("syncml:auth-md5"), "ZGlnZXN0"));
    }
}

#[test]
fn children_are_written_in_the_order_of_the_dtd() {
    let document = with_body(
        "<Status><Item><MoreData/><Data>&lt;d></Data><Meta><Type>t</Type><Size>9</Size><Format>chr</Format></Meta>\
         <Source><LocURI>./s</LocURI></Source><Target><LocName>n</LocName><LocURI>./t</LocURI></Target></Item>\
         <Data msft:originalerror='\"&lt;'>200</Data>\
         <Chal><Meta><NextNonce>n</NextNonce><Format>b64</Format><Type>y</Type></Meta></Chal>\
         <SourceRef>s</SourceRef><TargetRef>t</TargetRef><Cmd>Get</Cmd><CmdRef>2</CmdRef><MsgRef>1</MsgRef>\
         <CmdID>3</CmdID></Status>",
    );
    let written = parse(document.as_bytes()).unwrap().to_xml();
    let meta = |name: &str, text: &str| format!("<{name} xmlns=\"syncml:metinf\">{text}</{name}>");
    let chal = [meta("Type", "y"), meta("Format", "b64"), meta("NextNonce", "n")].concat();
    let item = [meta("Format", "chr"), meta("Type", "t"), meta("Size", "9")].concat();
    let expect = format!(
        "<Status><CmdID>3</CmdID><MsgRef>1</MsgRef><CmdRef>2</CmdRef><Cmd>Get</Cmd><TargetRef>t</TargetRef>\
         <SourceRef>s</SourceRef><Chal><Meta>{chal}</Meta></Chal>\
         <Data xmlns:msft=\"http://schemas.microsoft.com/MobileDevice/MDM\" msft:originalerror=\"&quot;&lt;\">200</Data>\
         <Item><Target><LocURI>./t</LocURI><LocName>n</LocName></Target><Source><LocURI>./s</LocURI></Source>\
         <Meta>{item}</Meta><Data>&lt;d&gt;</Data><MoreData/></Item></Status>"
    );
    assert!(written.contains(&expect), "{written}");
}
