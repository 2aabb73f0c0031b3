//! The rules of oma-dm.md as a table: each row is played against a running gateway over real HTTP, once by a device that
//! signs with md5 and once by one with a client certificate.

mod alerts;
mod answers;
mod authentication;
mod housekeeping;
mod http;
mod identity;
mod knowledge;
mod objects;
mod reply;
mod rule;
mod scene;
mod sessions;

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use self::{
    rule::{IDENTITIES, Identity, Rule, Setup},
    scene::Scene,
};
use crate::field::Field;

/// Package 1 as Windows sends it (oma-dm.md §3.2): an alert 1201 and `DevInfo`.
const PACKAGE_1: &str = "<Alert><CmdID>2</CmdID><Data>1201</Data></Alert><Replace><CmdID>3</CmdID><Item><Source>\
    <LocURI>./DevInfo/DevId</LocURI></Source><Data>{name}</Data></Item><Item><Source><LocURI>./DevInfo/Man</LocURI>\
    </Source><Data>Contoso</Data></Item><Item><Source><LocURI>./DevInfo/Mod</LocURI></Source><Data>C-1</Data></Item>\
    <Item><Source><LocURI>./DevInfo/DmV</LocURI></Source><Data>1.3</Data></Item><Item><Source><LocURI>./DevInfo/Lang\
    </LocURI></Source><Data>de-DE</Data></Item></Replace><Final/>";

/// What a believed package 1 is answered with: Statuses, the reads of housekeeping, Final.
const WELCOME: &str = "0:200 2:200 3:200 Get Final";

/// What came of a row, per identity: None where the rule is not about it.
type Line = (Rule, BTreeMap<&'static str, Result<(), String>>);

async fn check(theme: &str, rules: Vec<Rule>) {
    let mut fields: BTreeMap<(Setup, &'static str), Arc<Field>> = BTreeMap::new();
    let mut lines: Vec<Line> = Vec::new();
    for (row, rule) in rules.into_iter().enumerate() {
        let rule = Arc::new(rule);
        let mut results = BTreeMap::new();
        for identity in rule.identities {
            let key = (rule.setup, column(*identity));
            let field = match fields.get(&key) {
                Some(field) => Arc::clone(field),
                None => Arc::new(set_up(*identity, rule.setup).await),
            };
            fields.insert(key, Arc::clone(&field));
            let name = format!("DEVICE-{row:04}");
            let (rule, identity) = (Arc::clone(&rule), *identity);
            let play = tokio::spawn(async move {
                let mut scene = Scene::new(field, identity, rule.setup, name).await;
                scene.play(&rule).await;
            });
            let played = play.await.map_err(|failure| match failure.into_panic().downcast::<String>() {
                Ok(text) => *text,
                Err(other) => {
                    other.downcast::<&str>().map_or_else(|_| "it panicked".to_owned(), |it| it.to_string())
                }
            });
            results.insert(column(identity), played);
        }
        lines.push((Arc::into_inner(rule).expect("the plays are over"), results));
    }
    report(theme, &lines);
}

/// The gateway that a rule is played at.
async fn set_up(identity: Identity, setup: Setup) -> Field {
    let change = move |settings: &mut gateway::Settings| {
        // The guesses of one row must not slow down another.
        settings.guessing.address_burst = 10_000;
        match setup {
            Setup::Usual => {}
            Setup::Overloaded => settings.max_under_way = 0,
            Setup::FewGuesses => settings.guessing.address_burst = 3,
            Setup::WholeSession => settings.sessions.session_auth = dm::SessionAuth::WholeSession,
            Setup::ThreeMessages => settings.sessions.max_messages = 3,
            Setup::BothProofs => {
                settings.sessions.proof = dm::Proof::Both;
                settings.sessions.schemes = dm::Schemes::default();
            }
        }
    };
    match identity {
        Identity::Md5 => Field::with(change).await,
        Identity::Certificate => Field::secured(change).await,
    }
}

fn column(identity: Identity) -> &'static str {
    match identity {
        Identity::Md5 => "md5",
        Identity::Certificate => "cert",
    }
}

/// Prints the table, and fails if a row did.
fn report(theme: &str, lines: &[Line]) {
    let mut table =
        format!("\n{theme}\n| md5  | cert | section | rule |\n|------|------|---------|------|\n");
    let mut failures = String::new();
    for (rule, results) in lines {
        let mark = |identity| match results.get(column(identity)) {
            Some(Ok(())) => "ok",
            Some(Err(_)) => "FAIL",
            None => "–",
        };
        let [md5, certificate] = IDENTITIES.map(mark);
        writeln!(table, "| {md5:4} | {certificate:4} | {} | {} |", rule.section, rule.says).unwrap();
        for (column, result) in results {
            if let Err(why) = result {
                writeln!(failures, "\n{} {} ({column}): {why}", rule.section, rule.says).unwrap();
            }
        }
    }
    println!("{table}");
    assert!(failures.is_empty(), "{failures}");
}

#[tokio::test]
async fn identity_is_checked() {
    check("1 Identity", identity::rules()).await;
}

#[tokio::test]
async fn authentication_is_checked() {
    check("2 Authentication", authentication::rules()).await;
}

#[tokio::test]
async fn sessions_keep_the_rules() {
    check("3 Sessions", sessions::rules()).await;
}

#[tokio::test]
async fn alerts_are_stored() {
    check("3 Alerts", alerts::rules()).await;
}

#[tokio::test]
async fn objects_are_taken_in_chunks() {
    check("4 Large objects and long messages", objects::rules()).await;
}

#[tokio::test]
async fn answers_are_understood() {
    check("5 Statuses and Results", answers::rules()).await;
}

#[tokio::test]
async fn http_is_bound() {
    check("6 HTTP", http::rules()).await;
}

#[tokio::test]
async fn what_devices_tell_is_kept() {
    check("7 DevInfo and DevDetail", knowledge::rules()).await;
}

#[tokio::test]
async fn housekeeping_falls_over() {
    check("8 Housekeeping", housekeeping::rules()).await;
}
