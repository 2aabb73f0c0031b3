use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Command {
    Cli::try_parse_from(line.split_whitespace()).unwrap_or_else(|error| panic!("{line}: {error}")).command
}

fn refused(line: &str) -> String {
    Cli::try_parse_from(line.split_whitespace()).expect_err(line).to_string()
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn the_configuration_can_be_named_anywhere() {
    for line in [
        "reveille serve --config a.toml",
        "reveille migrate up --config a.toml",
        "reveille config --config a.toml check",
    ] {
        let (Command::Serve(config) | Command::Migrate { config, .. } | Command::Config { config, .. }) =
            parse(line)
        else {
            panic!("{line}");
        };
        assert_eq!(config.file, Some("a.toml".into()), "{line}");
    }
}

#[test]
fn a_demo_needs_nothing() {
    let Command::Demo(demo) = parse("reveille demo") else { panic!("not a demo") };
    assert_eq!((demo.devices, demo.wakes, demo.exit, demo.json), (50, None, false, false));
    assert_eq!(demo.listen.port(), 50_051);
    assert!(refused("reveille demo --devices 0").contains("0 is not in 1.."));
}

#[test]
fn a_wake_has_defaults() {
    let Command::Wake(wake) = parse("reveille wake D1 --server http://a:1") else { panic!("not a wake") };
    assert_eq!((wake.device.as_str(), wake.wait, wake.server.url.as_str()), ("D1", false, "http://a:1"));
    assert_eq!(wake.deadline, Duration::from_hours(1));
    let Command::Wake(wake) = parse("reveille wake D1 --wait --deadline 10m --bulk --json") else {
        panic!("not a wake")
    };
    assert_eq!((wake.deadline, wake.bulk, wake.output.json), (Duration::from_mins(10), true, true));
    assert!(refused("reveille wake D1 --bulk --interactive").contains("cannot be used with"));
    assert!(refused("reveille wake D1 --deadline soon").contains("write a duration such as"));
    assert!(refused("reveille wake D1 --deadline 0s").contains("write a duration such as"));
}

#[test]
fn wakes_are_watched_from_somewhere() {
    let watched = |line: &str| match parse(line) {
        Command::Wakes { command: WakeCommand::Watch(watch), .. } => watch,
        _ => panic!("nobody watches"),
    };
    assert_eq!(watched("reveille wakes watch").after, None);
    let watch = watched("reveille wakes watch --wake W1 --wake W2 --device D1 --label a=b --after 0 --json");
    assert_eq!((watch.wakes.as_slice(), watch.after), (&["W1".to_owned(), "W2".to_owned()][..], Some(0)));
    assert!(refused("reveille wakes watch --after=-1").contains("0.."));
}

#[test]
fn devices_take_labels() {
    let line =
        "reveille devices create D1 --user u --password-stdin --label a=b --label c=d=e --server http://a:1";
    let Command::Devices { command: DeviceCommand::Create(create), server } = parse(line) else {
        panic!("not a creation")
    };
    assert!(create.password_stdin);
    assert_eq!(create.labels, [("a".to_owned(), "b".to_owned()), ("c".to_owned(), "d=e".to_owned())]);
    assert_eq!(server.url, "http://a:1");
    assert!(refused("reveille devices create D1 --user u --label a").contains("KEY=VALUE"));
    assert!(refused("reveille devices list --channel lively").contains("[possible values: unset, moving"));
}

#[test]
fn devices_prove_themselves_somehow() {
    let creation = |line: &str| match parse(line) {
        Command::Devices { command: DeviceCommand::Create(create), .. } => create,
        _ => panic!("not a creation"),
    };
    let digits = "ab".repeat(32);
    let create = creation(&format!("reveille devices create D1 --certificate-fingerprint {digits}"));
    assert_eq!((create.user, create.certificate_fingerprint.unwrap().to_string()), (None, digits.clone()));
    let both = creation(&format!("reveille devices create D1 --user u --certificate-fingerprint {digits}"));
    assert!(both.user.is_some() && both.certificate_fingerprint.is_some());
    assert!(refused("reveille devices create D1").contains("--user <NAME>"));
    let alone = format!("reveille devices create D1 --password-stdin --certificate-fingerprint {digits}");
    assert!(refused(&alone).contains("--user <NAME>"));
    let thumbprint = format!("reveille devices create D1 --certificate-fingerprint {}", "ab".repeat(20));
    assert!(refused(&thumbprint).contains("the thumbprint that Windows shows is a SHA-1"));
}

#[test]
fn the_emulated_wns_takes_apps() {
    let line = "reveille simulate wns --listen 127.0.0.1:0 --app pfn,ms-app://s-1-15-2-1,a,b";
    let Command::Simulate { command: SimulateCommand::Wns(wns) } = parse(line) else { panic!("not a WNS") };
    let app = &wns.apps[0];
    assert_eq!((app.pfn.as_str(), app.sid.as_str()), ("pfn", "ms-app://s-1-15-2-1"));
    assert_eq!(secrecy::ExposeSecret::expose_secret(&app.secret), "a,b");
    assert!(refused("reveille simulate wns --app pfn,sid").contains("PFN,SID,SECRET"));
}

#[test]
fn a_fleet_has_passwords_from_somewhere() {
    let fleet = "reveille simulate fleet --gateway http://a/dm --devices 5";
    parse(&format!("{fleet} --server http://b"));
    parse(&format!("{fleet} --password VARIABLE --wns http://c"));
    assert!(refused(fleet).contains("--password"));
    assert!(
        refused(&format!("{fleet} --server http://b --password VARIABLE")).contains("cannot be used with")
    );
}

#[test]
fn lists_are_printed_in_pages_or_again_and_again() {
    let listed = |line: &str| match parse(line) {
        Command::Devices { command: DeviceCommand::List(list), .. } => list,
        _ => panic!("{line}"),
    };
    let list = listed("reveille devices list");
    assert_eq!((list.pages.wanted(100), list.pages.page_token.as_str(), list.shown.watch), (100, "", None));
    assert_eq!(listed("reveille devices list --limit 7").pages.wanted(100), 7);
    assert_eq!(listed("reveille devices list --all").pages.wanted(100), usize::MAX);
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(listed("reveille devices list --watch").shown.watch, seconds(2));
    assert_eq!(listed("reveille devices list --watch=5s").shown.watch, seconds(5));
    for line in [
        "reveille devices list --all --limit 7",
        "reveille devices list --all --watch",
        "reveille push-apps show main --json --watch",
    ] {
        assert!(refused(line).contains("cannot be used with"), "{line}");
    }
    // A name after it is a name.
    let Command::Wakes { command: WakeCommand::Show { id, shown }, .. } =
        parse("reveille wakes show --watch W")
    else {
        panic!("nothing is shown")
    };
    assert_eq!((id.as_str(), shown.watch), ("W", seconds(2)));
}

#[test]
fn jaeger_can_be_named_anywhere_where_a_service_is() {
    let Command::Wake(wake) = parse("reveille wake D1 --jaeger http://j:16686/ui") else {
        panic!("not a wake")
    };
    assert_eq!(wake.server.jaeger.unwrap().as_str(), "http://j:16686/ui");
    assert!(refused("reveille devices show D1 --jaeger j").contains("relative URL"));
}
