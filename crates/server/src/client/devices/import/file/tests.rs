use super::*;
use ImportFormat::{Csv, Jsonl};

fn rows(format: ImportFormat, text: &str) -> Vec<Numbered> {
    File { bytes: text.as_bytes().into(), format }.rows().collect()
}

fn mistakes(format: ImportFormat, text: &str) -> Vec<(u64, String)> {
    rows(format, text).into_iter().filter_map(|(line, row)| Some((line, row.err()?))).collect()
}

#[test]
fn both_formats_say_the_same() {
    let csv = "name,user,password,labels,pfn,channel_uri,channel_first_seen_time\n\
               D1,u1,\"a, \"\"b\"\"\",site=berlin;floor=2,Contoso.App_1,https://db5.notify.windows.com/?token=x,2026-01-31T08:00:00Z\n\
               D2,,,,,,\n";
    let jsonl = r#"{"name":"D1","user":"u1","password":"a, \"b\"","labels":{"site":"berlin","floor":"2"},"pfn":"Contoso.App_1","channel_uri":"https://db5.notify.windows.com/?token=x","channel_first_seen_time":"2026-01-31T08:00:00Z"}

{"name":"D2","user":null}
"#;
    let expect = ImportRow {
        name: "D1".into(),
        credential: Some(Credential { user: "u1".into(), secret: Some(Secret::Password("a, \"b\"".into())) }),
        labels: [("site".into(), "berlin".into()), ("floor".into(), "2".into())].into(),
        pfn: "Contoso.App_1".into(),
        channel_uri: "https://db5.notify.windows.com/?token=x".into(),
        channel_first_seen_time: Some("2026-01-31T08:00:00Z".parse().unwrap()),
        ..ImportRow::default()
    };
    let second = ImportRow { name: "D2".into(), ..ImportRow::default() };
    let expect = [Ok(expect), Ok(second)];
    for (format, text, lines) in [(ImportFormat::Csv, csv, [2, 3]), (ImportFormat::Jsonl, jsonl, [1, 3])] {
        let (numbers, read): (Vec<_>, Vec<_>) = rows(format, text).into_iter().unzip();
        assert_eq!((&numbers[..], &read[..]), (&lines[..], &expect[..]), "{format:?}");
    }
}

#[test]
fn mistakes_are_named_without_the_values() {
    let check = |format, text: &str, line: u64, words: &str| {
        let found = mistakes(format, text);
        let [(at, mistake)] = &found[..] else { panic!("{text}: {found:?}") };
        assert!(*at == line && mistake.contains(words), "{text}: {at}: {mistake}");
        assert!(!mistake.contains("hunter2"), "{mistake}");
    };
    check(Csv, "D1,u1,hunter2\n", 1, "column 1 has no name that is known");
    check(Csv, "name,user,hunter2\n", 1, "column 3 has no name that is known");
    check(Csv, "user,password\nu,hunter2\n", 1, "no column `name`");
    check(Csv, "name,name\n", 1, "two columns are named `name`");
    check(Csv, "name,user,password\nD1,u,p\nD2,hunter2\n", 3, "has 2 fields, and the first line names 3");
    check(Csv, "name,labels\nD1,hunter2\n", 2, "must be KEY=VALUE");
    check(Csv, "name,labels\nD1,a=1;a=2\n", 2, "a key twice");
    check(Csv, "name,password\nD1,hunter2\n", 2, "a secret, and no `user`");
    check(Csv, "name,user\n,hunter2\n", 2, "has no `name`");
    let unclosed = "name,user,password\nD1,u,\"hunter2\nD2,u,hunter2\nD3,u,hunter2\n";
    check(Csv, unclosed, 2, "`password` holds a line break: is a quote not closed?");
    check(Jsonl, "{\"name\": \"D1\", \"password\": \"hunter2\"", 1, "is not JSON, from column");
    check(Jsonl, "\n\"hunter2\"", 2, "is no JSON object");
    check(Jsonl, "{\"hunter2\": 1}", 1, "not known: they are name,");
    check(Jsonl, "{\"name\": \"D1\", \"user\": [\"hunter2\"]}", 1, "`user` must be a string");
    check(Jsonl, "{\"name\": \"D1\", \"labels\": \"hunter2\"}", 1, "must be an object of strings");
    check(Jsonl, "{\"name\": \"D1\", \"user\": \"hunter2\"}", 1, "neither `password` nor `inner_hash`");
    check(Jsonl, "{\"name\": \"D1\", \"channel_first_seen_time\": \"hunter2\"}", 1, "must be a time such as");
    let both = "{\"name\": \"D1\", \"user\": \"u\", \"password\": \"hunter2\", \"inner_hash\": \"hunter2\"}";
    check(Jsonl, both, 1, "one of them is enough");
}

#[test]
fn a_row_is_at_the_line_it_begins_in_whatever_ends_the_lines() {
    let text = "name,user\nD1,\n\n\nD2,\nD3,u\nD4\n";
    for end in ["\n", "\r\n"] {
        let numbers: Vec<_> = rows(Csv, &text.replace('\n', end)).into_iter().map(|(line, _)| line).collect();
        assert_eq!(numbers, [2, 5, 6, 7], "{end:?}");
    }
}
