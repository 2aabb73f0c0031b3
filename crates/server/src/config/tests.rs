use std::{fs, path::PathBuf};

use super::{source::Sources, *};

mod canary;
mod gateway;
mod operations;
mod poll;

fn read(toml: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let sources = Sources {
        file: Some((PathBuf::from("reveille.toml"), toml.to_owned())),
        environment: environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
    };
    whole::read(&sources).map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

fn mistakes(toml: &str) -> Vec<String> {
    read(toml, &[]).map(|config| config.effective.to_string()).unwrap_err()
}

const SECRET: &str = "planted-secret";
const APP: &str = r#"
    [[push_app]]
    name = "main"
    pfn = "12345Contoso.Management_abcdefghijkm0"
    sid = "ms-app://s-1-15-2-1"
    secret = { env = "WNS_SECRET" }
"#;

#[test]
fn the_file_in_the_repository_holds_the_defaults() {
    let defaults = read("", &[]).unwrap();
    let file = read(DEFAULT, &[]).unwrap();
    assert_eq!(file.effective.to_string(), defaults.effective.to_string());
    for line in defaults.effective.to_string().lines().filter(|line| !line.is_empty()) {
        assert!(DEFAULT.contains(line), "{line} is not in config.default.toml");
    }
}

/// The settings of the crates are the source of the defaults; this is the other way round.
#[test]
fn the_defaults_are_those_of_the_crates() {
    let config = read("", &[]).unwrap();
    let same = |one: &dyn std::fmt::Debug, other: &dyn std::fmt::Debug| {
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
    };
    same(&config.gateway, &::gateway::Settings::default());
    same(&config.push, &::push::Settings::default());
    same(&config.wns, &::wns::Settings::default());
    same(&config.store.retention, &Retention::default());
    same(&config.telemetry, &::telemetry::Settings::default());
    assert!(config.dispatcher.lease > config.wns.longest_push());
}

#[test]
fn the_example_of_a_push_app_works() {
    let lines = DEFAULT.lines().skip_while(|line| *line != "# [[push_app]]");
    let commented = lines.map_while(|line| line.strip_prefix("# "));
    let app = commented.collect::<Vec<_>>().join("\n");
    let config = read(&app, &[("REVEILLE_WNS_SECRET", SECRET)]).unwrap();
    assert_eq!(config.push_apps[0].name.as_str(), "main");
    assert_eq!(config.gateway.apps.get(&config.push_apps[0].name), Some(&config.push_apps[0].pfn));
}

#[test]
fn every_mistake_is_a_sentence() {
    let check = |toml: &str, expect: &str| assert_eq!(mistakes(toml), [expect], "{toml}");
    check(
        "push.min_gap = \"soon\"",
        r#"push.min_gap is "soon": write a duration such as "500ms", "60s", "10m", "24h" or "30d"."#,
    );
    check("push.max_ttl = \"0s\"", "push.max_ttl is zero: write a duration that is longer, such as \"1s\".");
    check(
        "push.min_gap = \"11m\"",
        "push.min_gap is 11m, which is more than push.answer_window (10m): it must not be longer.",
    );
    check(
        "push.wns_priority = 5",
        "push.wns_priority is 5: write 1 (high) to 4 (very low), or leave it out.",
    );
    check("push.channel_burst = 0", "push.channel_burst is 0: write 1 or more.");
    check("push.channel_burst = 300", "push.channel_burst is 300: write a whole number from 0 to 255.");
    check(
        "push.payload = \"\"",
        "push.payload is empty, and devices discard empty notifications: write a short text.",
    );
    check("push.mode = \"maybe\"", "push.mode is \"maybe\": write \"on\" or \"observe\" or \"off\".");
    check(
        "[[push.rule]]\nlabel = \"pilot\"\nmode = \"on\"",
        "push.rule[0].label is no label: write a key and its value, such as \"ring=pilot\".",
    );
    check(
        "[[push.rule]]\nlabel = \"ring=pilot\"",
        "push.rule[0].mode is missing: write \"on\" or \"observe\" or \"off\".",
    );
    check(
        "push.extra_channel_origins = [\"https://a.notify.windows.com/?token=planted\"]",
        "push.extra_channel_origins must hold origins only, such as \"http://127.0.0.1:7070\": no path, no query, no \
         user.",
    );
    check(
        "push.node_root = \"/Vendor\"",
        r#"push.node_root is "/Vendor": write "./Vendor/MSFT" or "./Device/Vendor/MSFT"."#,
    );
    check(
        "gateway.listen = \"8080\"",
        "gateway.listen is \"8080\": write an IP address and a port such as \"127.0.0.1:8080\", or \"\" to switch it off.",
    );
    check(
        "gateway.auth = [\"md5\", \"bearer\"]",
        r#"gateway.auth is "bearer": write "md5" or "basic" or "client-cert" or "proxy-cert"."#,
    );
    check("gateway.auth = [\"md5\", \"md5\"]", "gateway.auth has \"md5\" twice: leave one out.");
    check(
        "gateway.path = \"dm\"",
        "gateway.path is no path for devices to POST to: write one such as \"/dm\".",
    );
    check(
        "admin.listen = \"127.0.0.1:8080\"",
        "gateway.listen and admin.listen are both \"127.0.0.1:8080\": give each its own port.",
    );
    check(
        "gateway.lisen = \"\"",
        "gateway.lisen is no setting that is known: look for its name in `reveille config default`.",
    );
    check(
        "[gatway]",
        "gatway is no section that is known: the sections are service, gateway, grpc, admin, store, push, wns, \
         push_app, canary and telemetry.",
    );
    check("gateway = 1", "gateway must be a section: write [gateway] on a line of its own.");
    check(
        "store.url = \"mysql://root:planted@a/b\"",
        "store.url is no database that is known: write \"sqlite://FILE\" or \"postgres://USER@HOST/DATABASE\".",
    );
    check(
        "store.key = \"planted\"",
        "store.key must be { env = \"NAME\" } or { file = \"PATH\" }: a secret is never written here itself.",
    );
    check(
        "store.key = { env = \"NO_KEY\" }",
        "store.key names the environment variable NO_KEY, which is not set: make a key with `openssl rand -base64 32`.",
    );
    check(
        "wns.lease = \"10s\"",
        "wns.lease must be longer than 1m, twice push_timeout and token_timeout: the longest that a push takes.",
    );
    check("telemetry.sample_ratio = 2", "telemetry.sample_ratio is 2: write a share from 0.0 to 1.0.");
}

#[test]
fn a_push_app_is_checked_too() {
    let check = |old: &str, new: &str, expect: &str| {
        let found = read(&APP.replace(old, new), &[("WNS_SECRET", SECRET), ("EMPTY", "\n")]).unwrap_err();
        assert_eq!(found, [expect]);
    };
    let secret = "secret = { env = \"WNS_SECRET\" }";
    check(
        "name = \"main\"",
        "",
        "push_app[0].name is missing: write a name of your choosing such as \"main\".",
    );
    check(
        "12345Contoso.Management_abcdefghijkm0",
        "",
        "push_app[0].pfn must not be empty: write the package family name from Partner Center's page \"Product \
         identity\".",
    );
    check(
        "ms-app://s-1-15-2-1",
        SECRET,
        "push_app[0].sid is no package SID: write the package SID from the same page as the PFN, such as \
         \"ms-app://s-1-15-2-…\".",
    );
    check(secret, "", "push_app[0].secret is missing: write { env = \"NAME\" } or { file = \"PATH\" }.");
    check(
        secret,
        "secret = \"planted-secret\"",
        "push_app[0].secret must be { env = \"NAME\" } or { file = \"PATH\" }: a secret is never written here itself.",
    );
    check(
        "WNS_SECRET",
        "EMPTY",
        "push_app[0].secret names the environment variable EMPTY, which is empty: put the app's secret there.",
    );
    check(
        secret,
        &format!("{secret}\nauth = \"sso\""),
        "push_app[0].auth is \"sso\": write \"legacy\" or \"entra\".",
    );
    check(
        secret,
        &format!("{secret}\ntenant = \"contoso\""),
        "push_app[0].tenant has a use only with auth = \"entra\": take it out, or write that.",
    );
    check(
        secret,
        &format!("{secret}\ntoken_url = \"http://127.0.0.1:7070/accesstoken.srf\""),
        "push_app[0].token_url would send the secret unencrypted: write https, or for an emulator add \
         \"http://127.0.0.1:7070\" to push.extra_channel_origins.",
    );
    let twice = format!("{APP}{}", APP.replace("Contoso", "Fabrikam"));
    let found = read(&twice, &[("WNS_SECRET", SECRET)]).unwrap_err();
    assert_eq!(found, ["Two push apps have the name \"main\": give each its own."]);
}

const ENTRA: &str = r#"
    [[push_app]]
    name = "main"
    pfn = "12345Contoso.Management_abcdefghijkm0"
    auth = "entra"
    tenant = "contoso.onmicrosoft.com"
    client_id = "66666666-7777-8888-9999-000000000000"
    secret = { env = "WNS_SECRET" }
"#;

#[test]
fn a_push_app_may_use_entra() {
    let config = read(ENTRA, &[("WNS_SECRET", SECRET)]).unwrap();
    let ::wns::Auth::Entra(auth) = &config.push_apps[0].auth else { panic!("{config:?}") };
    let tenant = "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token";
    assert_eq!(auth.token_url.as_str(), tenant);
    assert_eq!(auth.client_id, "66666666-7777-8888-9999-000000000000");
    assert!(!config.effective.to_string().contains(SECRET));
    let cloud = format!("{ENTRA}\ntoken_url = \"https://login.example/token\"");
    let config = read(&cloud, &[("WNS_SECRET", SECRET)]).unwrap();
    assert_eq!(config.push_apps[0].auth.token_url().as_str(), "https://login.example/token");
    for (old, new, expect) in [
        ("contoso.onmicrosoft.com", "a/b", "push_app[0].tenant is no tenant: write"),
        ("tenant = \"contoso.onmicrosoft.com\"", "", "push_app[0].tenant is missing: write"),
        ("66666666-7777-8888-9999-000000000000", SECRET, "push_app[0].client_id is no application id: write"),
        (
            "tenant =",
            "sid = \"s-1-15-2-1\"\ntenant =",
            "push_app[0].sid has a use only with auth = \"legacy\"",
        ),
    ] {
        let found = read(&ENTRA.replace(old, new), &[("WNS_SECRET", SECRET)]).unwrap_err();
        let [mistake] = &found[..] else { panic!("{found:?}") };
        assert!(mistake.starts_with(expect) && !mistake.contains(SECRET), "{mistake}");
    }
}

#[test]
fn what_differs_is_named() {
    let environment = [("WNS_SECRET", SECRET), ("OTHER", "x")];
    let one = read(APP, &environment).unwrap().effective;
    assert!(one.differences(&one).is_empty());
    let second = APP.replace("main", "second").replace("Contoso", "Fabrikam");
    for (toml, expect) in [
        (format!("push.min_gap = \"30s\"\n{APP}"), "push.min_gap"),
        (APP.replace("WNS_SECRET", "OTHER"), "push_app \"main\".secret"),
        (format!("{second}{APP}"), "push_app \"second\"."),
    ] {
        let other = read(&toml, &environment).unwrap().effective;
        let found = one.differences(&other);
        assert!(!found.is_empty() && found.iter().all(|path| path.starts_with(expect)), "{found:?}");
        assert_eq!(found, other.differences(&one));
    }
}

#[test]
fn one_mistake_does_not_hide_another() {
    let toml = "
        [gateway]
        listen = 5
        path = \"\"
        [push]
        min_gap = \"x\"
        answer_window = \"y\"
        unknown = 1
        [[push_app]]
        name = \"main\"
    ";
    assert_eq!(mistakes(toml).len(), 8, "{:#?}", mistakes(toml));
}

#[test]
fn what_is_no_toml_is_not_quoted() {
    let found = mistakes("[store]\nurl = \"postgres://u:planted@h/d");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("reveille.toml is not TOML: ") && found[0].contains("line 2"), "{found:?}");
    assert!(!found[0].contains("planted"), "{found:?}");
}

#[test]
fn the_environment_goes_first() {
    let toml = "[push]\nmin_gap = \"30s\"\n[store]\nkey = { file = \"nowhere.key\" }";
    let key = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I=";
    let config = read(
        toml,
        &[
            ("REVEILLE__PUSH__MIN_GAP", "20s"),
            ("REVEILLE__PUSH__PAYLOAD", "0123"),
            ("REVEILLE__GATEWAY__SESSION_AUTH", "212"),
            ("REVEILLE__GATEWAY__AUTH", "[basic]"),
            ("REVEILLE__GRPC__LISTEN", ""),
            ("REVEILLE__STORE__KEY", "{env=KEY}"),
            ("KEY", key),
            ("REVEILLE_SERVER", "http://elsewhere"),
        ],
    )
    .unwrap();
    assert_eq!(config.push.min_gap, Duration::from_secs(20));
    assert_eq!(config.push.payload, b"0123");
    assert_eq!(config.gateway.sessions.session_auth, dm::SessionAuth::WholeSession);
    assert_eq!(config.listen.grpc, None);
    assert!(matches!(config.store.key, KeySource::Given(_)));
}

#[test]
fn mistakes_name_the_variable() {
    let found = read("", &[("REVEILLE__PUSH__MIN_GAP", "x")]).unwrap_err();
    assert!(found[0].starts_with("push.min_gap (from REVEILLE__PUSH__MIN_GAP) is \"x\": "), "{found:?}");
}

#[test]
fn secrets_are_read_and_never_shown() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("secret");
    fs::write(&file, format!("{SECRET}\n")).unwrap();
    let toml = APP.replace("env = \"WNS_SECRET\"", &format!("file = {:?}", file.display().to_string()));
    let toml = format!("store.url = \"postgres://reveille:{SECRET}@db/reveille\"\n{toml}");
    let config = read(&toml, &[]).unwrap();
    let ::wns::Auth::Legacy(auth) = &config.push_apps[0].auth else { panic!("the only flow") };
    assert_eq!(secrecy::ExposeSecret::expose_secret(&auth.secret), SECRET, "without the end of the line");
    assert_eq!(config.store.engine, Engine::Postgres);
    for shown in [format!("{config:?}"), config.effective.to_string()] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    fs::write(&file, "\n").unwrap();
    assert!(read(&toml, &[]).unwrap_err()[0].contains("which is empty"));
}
