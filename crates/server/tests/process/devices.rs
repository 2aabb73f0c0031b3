//! `devices update` and `devices import`.

use std::process::{Output, Stdio};

use serde_json::Value;
use simulator::wns::App;

use super::{NAME, Place, emulator, text};

/// In every secret of these tests, and in nothing that is printed.
const PLANTED: &str = "planted";

fn check(output: &Output, status: i32, words: &[&str]) {
    let told = text(output);
    assert_eq!(output.status.code(), Some(status), "{told}");
    for words in words {
        assert!(told.contains(words), "{words:?} is not in:\n{told}");
    }
    assert!(!told.contains(PLANTED), "a secret is in:\n{told}");
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(output)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_are_imported_row_by_row() {
    let (_wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    let _service = place.serve();
    let pfn = App::example().pfn;
    place.write(
        "fleet.csv",
        &format!(
            "name,user,password,labels,pfn,channel_uri\n\
             NEW-1,u1,{PLANTED}-1,site=berlin,{pfn},{origin}/?token={PLANTED}-1\n\
             NEW-2,u2,{PLANTED}-2,,,\n"
        ),
    );
    let import = |arguments: &[&str]| place.run(&[&["devices", "import"], arguments].concat());
    let would = ["line 2: NEW-1 created, channel live", "line 3: NEW-2 created, channel unset", "a dry run"];
    check(&import(&["fleet.csv", "--dry-run"]), 0, &would);
    assert_eq!(json(&place.run(&["devices", "list", "--json"])), serde_json::json!([]));

    let told = import(&["fleet.csv", "--json"]);
    check(&told, 0, &["2 rows: 2 created, 0 updated, 0 unchanged, 0 refused."]);
    let results: Vec<Value> = String::from_utf8_lossy(&told.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let said: Vec<_> = results.iter().map(|row| (&row["name"], &row["result"], &row["channel"])).collect();
    assert_eq!(
        said,
        [
            (&"NEW-1".into(), &"created".into(), &"live".into()),
            (&"NEW-2".into(), &"created".into(), &"unset".into())
        ]
    );
    let shown = json(&place.run(&["devices", "show", "NEW-1", "--json"]));
    assert_eq!((&shown["labels"]["site"], &shown["id"]), (&"berlin".into(), &results[0]["device_id"]));
    check(&import(&["fleet.csv"]), 0, &["line 2: NEW-1 unchanged, channel live", "2 unchanged"]);

    // One row is refused, and the others are taken.
    place.write(
        "more.jsonl",
        &format!(
            "{{\"name\": \"NEW-3\"}}\n\
             {{\"name\": \"NEW-4\", \"push_app\": \"other\"}}\n\
             {{\"name\": \"NEW-5\", \"pfn\": \"{pfn}\", \"channel_uri\": \"https://evil.test/{PLANTED}\"}}\n"
        ),
    );
    let words =
        ["NEW-3 created", "line 2: NEW-4 refused", "line 3: NEW-5 refused: channel_uri", "2 refused."];
    check(&import(&["more.jsonl"]), 1, &words);

    // A mistake in the file: nothing is taken.
    place.write(
        "wrong.jsonl",
        &format!("{{\"name\": \"NEW-6\"}}\n{{\"name\": \"NEW-7\", \"password\": \"{PLANTED}\"}}\n"),
    );
    check(
        &import(&["wrong.jsonl"]),
        1,
        &["1 mistake, and nothing was imported", "line 2: has a secret, and no `user`"],
    );
    check(&place.run(&["devices", "show", "NEW-6"]), 1, &[]);
    check(&import(&["fleet.txt"]), 1, &["--format csv or --format jsonl"]);
    check(&import(&["nowhere.csv"]), 1, &["nowhere.csv cannot be read"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_goes_on_when_nobody_reads_its_results() {
    let (_wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    let _service = place.serve();
    let devices: Vec<_> = (1..=300).map(|number| format!("NEW-{number},main")).collect();
    place.write("fleet.csv", &format!("name,push_app\n{}\nREFUSED,other\n", devices.join("\n")));
    let mut import = place.command(&["devices", "import", "fleet.csv"]);
    let mut import = import.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(import.stdout.take());
    let told = import.wait_with_output().unwrap();
    check(&told, 1, &["301 rows: 300 created, 0 updated, 0 unchanged, 1 refused."]);
    check(&place.run(&["devices", "show", "NEW-300"]), 0, &["NEW-300"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_is_changed_where_it_is_said() {
    let (_wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    let _service = place.serve();
    place.create_device();
    let update = |arguments: &[&str]| place.run(&[&["devices", "update", NAME], arguments].concat());
    check(
        &update(&["--label", "site=berlin", "--label", "ring=1"]),
        0,
        &["is changed: user user, push app main."],
    );
    let changed =
        json(&update(&["--remove-label", "ring", "--label", "floor=2", "--external-id", "PC-7", "--json"]));
    assert_eq!(changed["labels"], serde_json::json!({"site": "berlin", "floor": "2"}), "the others stay");
    assert_eq!((&changed["external_id"], &changed["user"]), (&"PC-7".into(), &"user".into()));

    let etag = changed["etag"].as_str().unwrap();
    check(&update(&["--external-id", "", "--etag", etag]), 0, &[]);
    check(
        &update(&["--external-id", "PC-8", "--etag", etag]),
        1,
        &["Look at it with `reveille devices show`"],
    );
    check(&update(&["--remove-label", "ring"]), 1, &["has no label `ring`; nothing is changed"]);
    check(&update(&["--push-app", "other"]), 1, &["See `reveille push-apps list`."]);
    check(&update(&[]), 2, &["required"]);

    check(&update(&["--user", "new"]), 0, &["is changed: user new", "Its password is "]);
    check(&update(&["--no-credential"]), 0, &["is changed: no credential"]);
    let shown = json(&place.run(&["devices", "show", NAME, "--json"]));
    assert_eq!((&shown["external_id"], &shown["user"]), (&"".into(), &"".into()));
}
