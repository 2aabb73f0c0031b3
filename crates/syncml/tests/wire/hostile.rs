//! What is refused, and what refusing it may cost.

use std::fmt::Write as _;

use super::{parse, with_body};

#[test]
fn what_is_not_xml_is_refused() {
    for (document, expect) in [
        ("", "at byte 0: expected SyncML, found none"),
        ("<SyncML/>", "at byte 9: expected SyncHdr, found none"),
        ("<html/>", "at byte 0: expected SyncML as the root, found html"),
        ("<SyncML><SyncBody>", "at byte 18: expected </SyncBody>, found the end of the document"),
        ("<SyncML></SyncMl>", "at byte 8: expected </SyncML>, found </SyncMl>"),
        ("<SyncML/><SyncML/>", "at byte 9: expected one root, found another element"),
        ("<SyncML/>x", "at byte 9: expected no text outside the root"),
        ("<SyncML/>&amp;", "at byte 9: expected no text outside the root"),
        ("<SyncML/><![CDATA[x]]>", "at byte 9: expected no text outside the root"),
        ("</SyncML>", "at byte 0: expected no end tag where no element is open"),
        (
            "<SyncML>&boom;</SyncML>",
            "at byte 8: expected a character reference or a predefined entity, found another entity",
        ),
        (
            "<SyncML>&#0;</SyncML>",
            "at byte 8: expected a character reference or a predefined entity, found another entity",
        ),
        ("<SyncML>&#x1b;</SyncML>", "at byte 8: expected characters that XML allows, found a forbidden one"),
        ("<SyncML>\u{1}</SyncML>", "at byte 8: expected characters that XML allows, found a forbidden one"),
        (
            "<SyncML>\u{ffff}</SyncML>",
            "at byte 8: expected characters that XML allows, found a forbidden one",
        ),
        ("<SyncML>a & b</SyncML>", "at byte 10: expected a reference that ends with ;"),
        ("<SyncML>]]></SyncML>", "at byte 8: expected no ]]> in a text"),
        ("<SyncML><!-- -- --></SyncML>", "at byte 13: expected no -- in a comment"),
        ("<SyncML><!--></SyncML>", "at byte 8: expected --> at the end of a comment"),
        ("<SyncML><!x></SyncML>", "at byte 8: expected a comment or CDATA after <!"),
        ("<SyncML><??></SyncML>", "at byte 8: expected a name in a processing instruction"),
        (
            "<SyncML><?xml version='1.0'?></SyncML>",
            "at byte 8: expected an XML declaration only at the start",
        ),
        ("<SyncML><></></SyncML>", "at byte 8: expected an element's name"),
        ("<SyncML><1/></SyncML>", "at byte 8: expected an element's name"),
        ("<SyncML><p:1/></SyncML>", "at byte 8: expected an element's name"),
        ("<SyncML><p:q:a/></SyncML>", "at byte 8: expected an element's name"),
        ("<SyncML><p:/></SyncML>", "at byte 8: expected an element's name"),
        ("<SyncML a='1' a='2'/>", "at byte 0: expected well-formed, distinct attributes"),
        ("<SyncML a=1/>", "at byte 0: expected well-formed, distinct attributes"),
        ("<SyncML a/>", "at byte 0: expected well-formed, distinct attributes"),
        ("<SyncML a='<'/>", "at byte 0: expected well-formed, distinct attributes"),
        (
            "<SyncML a='&x;'/>",
            "at byte 0: expected a character reference or a predefined entity, found another entity",
        ),
        ("<SyncML a='1/>", "at byte 0: expected a quote at the end of an attribute"),
        ("<SyncML", "at byte 0: expected > at the end of a tag"),
        ("<!DOCTYPE SyncML><SyncML/>", "at byte 0: expected no document type definition, found one"),
        (
            "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]><SyncML>&b;</SyncML>",
            "at byte 0: expected no document type definition, found one",
        ),
        (
            "\u{feff}<SyncML>&boom;</SyncML>",
            "at byte 11: expected a character reference or a predefined entity, found another entity",
        ),
    ] {
        let error = parse(document.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expect, "{document}");
    }
}

#[test]
fn the_header_must_say_who_speaks_and_in_which_message() {
    let (session, number, source) =
        ("<SessionID>1</SessionID>", "<MsgID>1</MsgID>", "<Source><LocURI>d</LocURI></Source>");
    for (header, expect) in [
        (format!("{number}{source}"), "expected SessionID, found none"),
        (format!("<SessionID> </SessionID>{number}{source}"), "expected SessionID, found none"),
        (format!("{session}{source}"), "expected MsgID, found none"),
        (format!("{session}<MsgID>one</MsgID>{source}"), "expected a number in MsgID"),
        (format!("{session}<MsgID>-1</MsgID>{source}"), "expected a number in MsgID"),
        (format!("{session}{number}"), "expected the LocURI of Source, found none"),
        (format!("{session}{number}<Source><LocURI/></Source>"), "expected the LocURI of Source, found none"),
    ] {
        let document = format!("<SyncML><SyncHdr>{header}</SyncHdr><SyncBody/></SyncML>");
        assert_eq!(parse(document.as_bytes()).unwrap_err().kind.to_string(), expect);
    }
    let header = format!("<SyncHdr>{session}{number}{source}</SyncHdr>");
    for (document, expect) in [
        (format!("<SyncML>{header}</SyncML>"), "expected SyncBody, found none"),
        (format!("<SyncML>{header}{header}<SyncBody/></SyncML>"), "expected one SyncHdr, found two"),
        (format!("<SyncML>{header}<SyncBody/><SyncBody/></SyncML>"), "expected one SyncBody, found two"),
    ] {
        assert_eq!(parse(document.as_bytes()).unwrap_err().kind.to_string(), expect);
    }
}

#[test]
fn limits_hold() {
    let attributes = |count: usize| {
        (0..count).fold(String::new(), |mut text, n| {
            write!(text, " a{n}='x'").unwrap();
            text
        })
    };
    let few = attributes(32);
    for (document, what) in [
        (" ".repeat((1 << 20) + 1), "1048576 bytes"),
        (format!("<SyncML{}/>", attributes(80_000)), "32 attributes of one element"),
        (format!("<SyncML>{}", format!("<a{few}/>").repeat(200)), "4096 attributes"),
        (format!("<SyncML>{}", "<a/>".repeat(20_000)), "16384 elements"),
        (with_body(&"<Get/>".repeat(5_000)), "4096 commands"),
        (with_body(&"<Atomic><a/></Atomic>".repeat(2_100)), "4096 commands"),
        ("<SyncML>".to_owned() + &"<a>".repeat(100_000), "64 elements inside one another"),
        (
            with_body(&format!("<Get><Item><Data>{}</Data></Item></Get>", "x".repeat(600_000))),
            "524288 bytes of text in one element",
        ),
        (
            with_body(&format!("<Get><Item><Data>{}</Data></Item></Get>", "<a>x</a>".repeat(70_000))),
            "16384 elements",
        ),
        (
            with_body(&format!("<Get><Item><Data><a/>{}</Data></Item></Get>", "x".repeat(600_000))),
            "524288 bytes of text in one element",
        ),
    ] {
        let error = parse(document.as_bytes()).unwrap_err().kind.to_string();
        assert_eq!(error, format!("expected at most {what}, found more"));
    }
}

#[test]
fn a_document_cut_anywhere_is_refused() {
    let document = with_body(
        "<!-- c --><Alert><CmdID>2</CmdID><Data>12&amp;<![CDATA[x]]></Data><Item><Meta>\
         <Type xmlns=\"syncml:metinf\">t</Type></Meta><Data><a b='c'>ü</a></Data></Item></Alert><Final/>",
    );
    assert!(parse(document.as_bytes()).is_ok());
    for length in 0..document.len() {
        assert!(parse(&document.as_bytes()[..length]).is_err(), "{length}");
    }
}

#[test]
fn what_a_status_repeats_of_a_command_is_short() {
    for (name, cmd_id, expect) in [
        ("Map".to_owned(), "7".to_owned(), ("Map".to_owned(), true)),
        ("é".repeat(40), "7".repeat(64), ("é".repeat(32), true)),
        // No character is cut in two.
        ("éaé".repeat(40), "7".repeat(65), ("éaé".repeat(12) + "éa", false)),
    ] {
        let document = with_body(&format!("<{name}><CmdID>{cmd_id}</CmdID></{name}>"));
        let message = parse(document.as_bytes()).unwrap();
        let command = &message.commands[0];
        assert_eq!((command.name().to_owned(), command.cmd_id() == Some(&cmd_id)), expect);
        assert_eq!(parse(message.to_xml().as_bytes()).unwrap(), message);
    }
}

#[test]
fn errors_repeat_nothing_but_short_names() {
    let name = "hunter2".repeat(20);
    for (document, expect) in [
        (format!("<SyncML>&{name};"), false),
        (format!("<SyncML a='{name}' a=''/>"), false),
        (format!("<SyncML><Data>{name}</Dat></SyncML>"), false),
        (format!("<{name}/>"), true),
    ] {
        let error = parse(document.as_bytes()).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(&name), "{shown}");
        assert_eq!(shown.contains("hunter2"), expect, "{shown}");
    }
}
