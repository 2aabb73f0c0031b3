//! Statuses and Results in every shape. Each row answers the first three Gets of housekeeping.

use push::ChannelState;
use store::RecordedOutcome;

use super::{
    PACKAGE_1,
    rule::{Rule, rule},
    scene::Scene,
};

/// Provider and `DevDetail`, as a device with our provider answers.
const OTHERS: &str = "<Status><CmdID>8</CmdID><MsgRef>{msg}</MsgRef><CmdRef>{Get 2}</CmdRef><Cmd>Get</Cmd><Data>200\
    </Data></Status><Results><CmdID>9</CmdID><MsgRef>{msg}</MsgRef><CmdRef>{Get 2}</CmdRef><Item><Source><LocURI>\
    ./Vendor/MSFT/DMClient/Provider</LocURI></Source><Meta><Format xmlns=\"syncml:metinf\">node</Format></Meta><Data>\
    Reveille</Data></Item></Results><Status><CmdID>10</CmdID><MsgRef>{msg}</MsgRef><CmdRef>{Get 3}</CmdRef><Cmd>Get\
    </Cmd><Data>404</Data></Status>";

const PFN: &str = "<Item><Source><LocURI>{push}/PFN</LocURI></Source><Data>{pfn}</Data></Item>";
const URI: &str = "<Item><Source><LocURI>{push}/ChannelURI</LocURI></Source><Data>{uri}</Data></Item>";
const STATUS: &str = "<Item><Source><LocURI>{push}/Status</LocURI></Source><Meta><Format xmlns=\"syncml:metinf\">int\
    </Format></Meta><Data>0</Data></Item>";

/// A Status of the first Get, or of one of its nodes.
fn status(node: &str, code: u16) -> String {
    let target = if node.is_empty() { String::new() } else { format!("<TargetRef>{node}</TargetRef>") };
    format!(
        "<Status><CmdID>2</CmdID><MsgRef>{{msg}}</MsgRef><CmdRef>{{Get}}</CmdRef><Cmd>Get</Cmd>{target}<Data>{code}\
         </Data></Status>"
    )
}

fn per_item() -> String {
    ["PFN", "ChannelURI", "Status"].map(|node| status(&format!("{{push}}/{node}"), 200)).concat()
}

/// Results of the first Get.
fn results(items: &[&str]) -> String {
    let items = items.concat();
    format!("<Results><CmdID>3</CmdID><MsgRef>{{msg}}</MsgRef><CmdRef>{{Get}}</CmdRef>{items}</Results>")
}

fn whole() -> String {
    results(&[PFN, URI, STATUS])
}

/// A message with this before the other answers.
fn answer(first: impl AsRef<str>) -> String {
    format!("{{header}}{}{OTHERS}<Final/>", first.as_ref())
}

pub(crate) fn rules() -> Vec<Rule> {
    let mut rules = vec![
        live("§0.2", "one Status per Item with TargetRef, one Results", per_item() + &whole()),
        live("§5.2", "one Status for all Items, without TargetRef", status("", 200) + &whole()),
        live("§5.2", "one Status with several TargetRefs", {
            let refs = ["PFN", "ChannelURI", "Status"].map(|node| format!("<TargetRef>{{push}}/{node}</TargetRef>"));
            status("", 200).replace("<Data>", &format!("{}<Data>", refs.concat())) + &whole()
        }),
        live("§5.2", "Results before their Status", whole() + &status("", 200)),
        live("§3.3", "Statuses and Results interleaved, an Item at a time", {
            let pairs = [("PFN", PFN), ("ChannelURI", URI), ("Status", STATUS)];
            pairs.map(|(node, item)| status(&format!("{{push}}/{node}"), 200) + &results(&[item])).concat()
        }),
        live("§5.2", "Results with Cmd, TargetRef and SourceRef", {
            let extra = "<Cmd>Get</Cmd><TargetRef>{push}</TargetRef><SourceRef>{push}</SourceRef><Item>";
            status("", 200) + &whole().replacen("<Item>", extra, 1)
        }),
        live("§2.3", "nodes spelled with ./Device, in another case, with white space", {
            let spelled = (per_item() + &whole()).replace("{push}", "\n ./DEVICE/Vendor/MSFT/DMClient/Provider/reveille/Push");
            spelled.replace("</LocURI>", " </LocURI>")
        }),
        live("§6", "CDATA and comments in Data", {
            let odd = whole().replace("{pfn}", "<![CDATA[{pfn}]]>").replace("{uri}", "<!-- a comment -->{uri}");
            status("", 200) + &odd
        }),
        live("§5.2", "a Status on a Status is ignored", {
            let strange = "<Status><CmdID>7</CmdID><MsgRef>{msg}</MsgRef><CmdRef>1</CmdRef><Cmd>Status</Cmd><Data>406\
                           </Data></Status>";
            strange.to_owned() + &status("", 200) + &whole()
        }),
        rule("§3.3", "Results without MsgRef and CmdRef mean command 1 of message 1: not ours, counted")
            .opens(PACKAGE_1)
            .says(answer(status("", 404) + &whole().replace("<MsgRef>{msg}</MsgRef><CmdRef>{Get}</CmdRef>", "")))
            .sees(|scene| Box::pin(three_were_ignored(scene)))
            .sees(|scene| Box::pin(channel_is_not_live(scene))),
        rule("§5.2", "Statuses of commands that were never sent are ignored and counted")
            .opens(PACKAGE_1)
            .says(answer(["97", "98", "99"].map(|id| status("", 200).replace("{Get}", id)).concat() + &status("", 404)))
            .sees(|scene| Box::pin(three_were_ignored(scene))),
        rule("§3.3", "Results that come again in the next message change nothing and are counted")
            .opens(PACKAGE_1)
            .says(format!("{{header}}{}{}", per_item(), whole()))
            .gets("0:200 Alert1222")
            .says(answer(whole().replace("{uri}", "https://evil.test/")))
            .gets("0:200 Final")
            .sees(|scene| Box::pin(channel_is_live(scene)))
            .sees(|scene| Box::pin(three_were_ignored(scene))),
        rule("§5.2", "what is not answered is unknown for good, and harmless")
            .opens(PACKAGE_1)
            .says("{header}<Final/>")
            .gets("0:200 Final")
            .sees(|scene| Box::pin(nothing_is_known(scene))),
        rule("§2.1", "msft:originalerror with its prefix declared is recorded")
            .opens(PACKAGE_1)
            .says(answer(status("", 404).replace(
                "<Data>",
                "<Data xmlns:msft=\"http://schemas.microsoft.com/MobileDevice/MDM\" msft:originalerror=\"0x86000002\">",
            )))
            .sees(|scene| Box::pin(original_error(scene))),
        rule("§2.1", "msft:originalerror with its prefix undeclared is recorded")
            .opens(PACKAGE_1)
            .says(answer(status("", 404).replace("<Data>", "<Data msft:originalerror='0x86000002'>")))
            .sees(|scene| Box::pin(original_error(scene))),
    ];
    for (code, says) in [
        (101, "101 is not final: what comes later in the package counts"),
        (202, "202 is not final either"),
        (206, "206 is not final either"),
        (213, "213 is not final either"),
    ] {
        rules.push(
            rule("§5.3", says)
                .opens(PACKAGE_1)
                .says(format!(
                    "{{header}}{}<Alert><CmdID>5</CmdID><Data>1222</Data></Alert>",
                    status("", code)
                ))
                .gets("0:200 5:200 Alert1222")
                .says(format!("{}{}{OTHERS}<Final/>", status("", 200), whole()))
                .gets("0:200 Final")
                .sees(|scene| Box::pin(channel_is_live(scene))),
        );
    }
    for (code, says) in [
        (202, "202 is recorded"),
        (204, "204 is recorded"),
        (401, "401 is recorded"),
        (405, "405 is recorded"),
        (418, "418 is recorded"),
        (425, "425 is recorded"),
        (500, "500 is recorded"),
        (517, "517 is recorded"),
        (999, "a number that nobody knows is recorded"),
    ] {
        let rule = rule("§5.3", says).opens(PACKAGE_1).says(answer(status("", code)));
        rules.push(rule.sees(|scene| Box::pin(code_is_recorded(scene))));
    }
    rules
}

/// A row after which the channel is live.
fn live(section: &'static str, says: &'static str, first: String) -> Rule {
    rule(section, says)
        .opens(PACKAGE_1)
        .says(answer(first))
        .gets("0:200 Final")
        .sees(|scene| Box::pin(channel_is_live(scene)))
}

async fn channel_is_live(scene: &mut Scene) {
    let record = scene.record().await;
    let uri = scene.channel_uri();
    assert_eq!(record.channel.state(), ChannelState::Live, "{}", scene.last.0);
    assert_eq!(record.channel.uri().map(push::ChannelUri::expose), Some(uri.as_str()));
}

async fn channel_is_not_live(scene: &mut Scene) {
    assert_ne!(scene.record().await.channel.state(), ChannelState::Live);
}

async fn three_were_ignored(scene: &mut Scene) {
    let session = scene.sessions().await.remove(0);
    assert_eq!(session.ignored, 3, "{:?}", session.outcomes);
}

async fn nothing_is_known(scene: &mut Scene) {
    let session = scene.sessions().await.remove(0);
    let codes: Vec<_> = session.outcomes.iter().map(|outcome| outcome.status).collect();
    assert_eq!(codes, [None; 6], "three push nodes, the providers, two details");
    assert_eq!(scene.record().await.channel.state(), ChannelState::Unset);
}

/// What became of the first Get.
async fn first(scene: &Scene) -> RecordedOutcome {
    scene.sessions().await.remove(0).outcomes.into_iter().next().expect("an outcome")
}

async fn original_error(scene: &mut Scene) {
    let outcome = first(scene).await;
    assert_eq!((outcome.status, outcome.original_error.as_deref()), (Some(404), Some("0x86000002")));
}

async fn code_is_recorded(scene: &mut Scene) {
    let sent = scene.last.0.split("<Status><CmdID>2</CmdID>").nth(1).unwrap();
    let code = sent.split("<Data>").nth(1).unwrap().split("</Data>").next().unwrap();
    let outcome = first(scene).await;
    assert_eq!(outcome.status.map(|code| code.to_string()).as_deref(), Some(code.trim()));
    assert!(outcome.target.is_some_and(|target| target.ends_with("/Push/PFN")));
}
