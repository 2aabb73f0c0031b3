//! How each command is written (oma-dm.md §5.1, §6).

use dm::{Command, CommandError, Format, Node, Outgoing};

use crate::{device::Device, gateway::Gateway};

fn target(uri: &str) -> String {
    format!("<Target><LocURI>{uri}</LocURI></Target>")
}

fn format(name: &str) -> String {
    format!("<Format xmlns=\"syncml:metinf\">{name}</Format>")
}

/// Checks what a command becomes: its `CmdID` is 5, those inside it follow.
fn check(command: Result<Command, CommandError>, expect: &str) {
    let command = Outgoing::new("tag", command.unwrap());
    let (_, posted) = Device::in_session(&mut Gateway::new(), vec![command]);
    let (_, written) = posted.reply.rsplit_once("</Status>").unwrap();
    assert_eq!(written, format!("{expect}<Final/></SyncBody></SyncML>"));
}

#[test]
fn commands_about_nodes() {
    let [a, b] = ["./A", "./B"].map(target);
    check(
        Command::get(["./A", "./B"]),
        &format!("<Get><CmdID>5</CmdID><Item>{a}</Item><Item>{b}</Item></Get>"),
    );
    check(
        Command::delete(["./A", "./B"]),
        &format!("<Delete><CmdID>5</CmdID><Item>{a}</Item><Item>{b}</Item></Delete>"),
    );
    check(Command::exec(Node::bare("./A")), &format!("<Exec><CmdID>5</CmdID><Item>{a}</Item></Exec>"));
    let (chr, int) = (format("chr"), format("int"));
    check(
        Command::add([Node::chr("./A", ""), Node::int("./B", -1)]),
        &format!(
            "<Add><CmdID>5</CmdID><Item>{a}<Meta>{chr}</Meta><Data/></Item><Item>{b}<Meta>{int}</Meta>\
             <Data>-1</Data></Item></Add>"
        ),
    );
    // A target stands as it was given, with what XML needs.
    let get =
        "<Get><CmdID>5</CmdID><Item><Target><LocURI>./A%20b?list=X&amp;y</LocURI></Target></Item></Get>";
    check(Command::get(["./A%20b?list=X&y"]), get);
}

#[test]
fn formats_and_types() {
    for (kind, name) in [
        (Format::Chr, "chr"),
        (Format::Int, "int"),
        (Format::Bool, "bool"),
        (Format::Float, "float"),
        (Format::Date, "date"),
        (Format::Time, "time"),
        (Format::B64, "b64"),
        (Format::Bin, "bin"),
        (Format::Node, "node"),
        (Format::Null, "null"),
        (Format::Xml, "xml"),
    ] {
        let node = Node::with("./A", kind, "<a b=\"c\">&amp;\r\n</a>").of_type("text/plain");
        let meta = format!("<Meta>{}<Type xmlns=\"syncml:metinf\">text/plain</Type></Meta>", format(name));
        // Markup goes escaped, never as CDATA, and a carriage return survives the reader.
        let data = "<Data>&lt;a b=\"c\"&gt;&amp;amp;&#13;\n&lt;/a&gt;</Data>";
        check(
            Command::replace([node]),
            &format!("<Replace><CmdID>5</CmdID><Item>{}{meta}{data}</Item></Replace>", target("./A")),
        );
    }
}

#[test]
fn groups() {
    let get = || Outgoing::new("get", Command::get(["./A"]).unwrap());
    let delete = || Outgoing::new("delete", Command::delete(["./A"]).unwrap());
    let a = target("./A");
    let inner = |name: &str, id: u32| format!("<{name}><CmdID>{id}</CmdID><Item>{a}</Item></{name}>");
    check(
        Command::atomic(vec![delete()]),
        &format!("<Atomic><CmdID>5</CmdID>{}</Atomic>", inner("Delete", 6)),
    );
    let atomic = Outgoing::new("atomic", Command::atomic(vec![delete()]).unwrap());
    check(
        Command::sequence(vec![get(), atomic, delete()]),
        &format!(
            "<Sequence><CmdID>5</CmdID>{}<Atomic><CmdID>7</CmdID>{}</Atomic>{}</Sequence>",
            inner("Get", 6),
            inner("Delete", 8),
            inner("Delete", 9)
        ),
    );
}
