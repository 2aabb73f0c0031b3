//! How housekeeping falls over to what works (DESIGN §4).

use push::{ChannelState, Refusal};

use super::{
    PACKAGE_1,
    rule::{Rule, rule},
    scene::Scene,
};

/// The answer of a device without push nodes to the first Gets; the provider ids that it tells.
fn fresh(providers: &str) -> String {
    format!(
        "{{header}}<Status><CmdID>2</CmdID><MsgRef>{{msg}}</MsgRef><CmdRef>{{Get}}</CmdRef><Cmd>Get</Cmd><Data>404</Data>\
         </Status><Status><CmdID>3</CmdID><MsgRef>{{msg}}</MsgRef><CmdRef>{{Get 2}}</CmdRef><Cmd>Get</Cmd><Data>200</Data>\
         </Status><Results><CmdID>4</CmdID><MsgRef>{{msg}}</MsgRef><CmdRef>{{Get 2}}</CmdRef><Item><Source><LocURI>\
         ./Vendor/MSFT/DMClient/Provider</LocURI></Source><Data>{providers}</Data></Item></Results><Status><CmdID>5</CmdID>\
         <MsgRef>{{msg}}</MsgRef><CmdRef>{{Get 3}}</CmdRef><Cmd>Get</Cmd><Data>404</Data></Status><Final/>"
    )
}

/// The answer of a device that has another PFN.
fn foreign() -> String {
    fresh("Reveille").replacen(
        "<Data>404</Data></Status>",
        "<Data>200</Data></Status><Results><CmdID>6</CmdID><MsgRef>{msg}</MsgRef><CmdRef>{Get}</CmdRef><Item><Source>\
         <LocURI>{push}/PFN</LocURI></Source><Data>Other.App_8wekyb3d8bbwe</Data></Item><Item><Source><LocURI>\
         {push}/ChannelURI</LocURI></Source><Data>{uri}</Data></Item></Results>",
        1,
    )
}

/// A Status of one command.
fn status(place: &str, verb: &str, code: u16) -> String {
    format!(
        "<Status><CmdID>2</CmdID><MsgRef>{{msg}}</MsgRef><CmdRef>{{{place}}}</CmdRef><Cmd>{verb}</Cmd><Data>{code}</Data>\
         </Status>"
    )
}

/// The answer to a Sequence with a write in it, and what the Get after that yields.
fn written(verb: &str, sequence: u16, write: u16, get: u16) -> String {
    let statuses =
        [status("Sequence", "Sequence", sequence), status(verb, verb, write), status("Get", "Get", get)];
    format!("{{header}}{}<Final/>", statuses.concat())
}

const CHANNEL: &str = "<Results><CmdID>9</CmdID><MsgRef>{msg}</MsgRef><CmdRef>{Get}</CmdRef><Item><Source><LocURI>\
    {push}/ChannelURI</LocURI></Source><Data>{uri}</Data></Item><Item><Source><LocURI>{push}/Status</LocURI></Source>\
    <Data>0</Data></Item></Results><Final/>";

/// The PFN was written, and the channel read.
fn with_channel(verb: &str) -> String {
    written(verb, 200, 200, 200).replace("<Final/>", CHANNEL)
}

const SEQUENCE: &str = "0:200 Sequence Final";

pub(crate) fn rules() -> Vec<Rule> {
    vec![
        rule("§8.1", "no PFN on the device: it is added in a Sequence, and the channel is read after it")
            .opens(PACKAGE_1)
            .says(fresh("MS%20DM%20Server/Reveille"))
            .gets(SEQUENCE)
            .checks(|scene| writes(scene, &["Sequence", "Add", "Get"]))
            .says(with_channel("Add"))
            .gets("0:200 Final")
            .sees(|scene| Box::pin(ends_as(scene, ChannelState::Live))),
        rule("§8.1", "another PFN on the device: it is replaced, and the URI under it is not ours")
            .opens(PACKAGE_1)
            .says(foreign())
            .gets(SEQUENCE)
            .checks(|scene| writes(scene, &["Sequence", "Replace", "Get"]))
            .says(written("Replace", 200, 200, 404))
            .sees(|scene| Box::pin(ends_as(scene, ChannelState::Pending))),
        rule("DESIGN §4", "the device does not know our provider id: nothing is written")
            .opens(PACKAGE_1)
            .says(fresh("MS%20DM%20Server"))
            .gets("0:200 Final")
            .sees(|scene| Box::pin(ends_as(scene, ChannelState::Refused(Refusal::Provider)))),
        rule("§8.1", "Replace answered 404: Add")
            .opens(PACKAGE_1)
            .says(foreign())
            .says(written("Replace", 200, 404, 404))
            .gets(SEQUENCE)
            .checks(|scene| writes(scene, &["Sequence", "Add", "Get"]))
            .says(with_channel("Add"))
            .sees(|scene| Box::pin(ends_as(scene, ChannelState::Live))),
        rule("§8.1", "Add answered 418: Replace")
            .opens(PACKAGE_1)
            .says(fresh("Reveille"))
            .says(written("Add", 200, 418, 404))
            .gets(SEQUENCE)
            .checks(|scene| writes(scene, &["Sequence", "Replace", "Get"]))
            .says(with_channel("Replace"))
            .sees(|scene| Box::pin(ends_as(scene, ChannelState::Live))),
        refused_sequence(400, "a Sequence answered 400: from then on two messages"),
        refused_sequence(405, "a Sequence answered 405: from then on two messages"),
        refused_sequence(406, "a Sequence answered 406: from then on two messages"),
        refused_sequence(500, "a Sequence answered 500: from then on two messages"),
        rule(
            "§8.1",
            "NoCloudApplicationNotification: 404 for every write; refused, and tried no more that day",
        )
        .opens(PACKAGE_1)
        .says(foreign())
        .says(written("Replace", 200, 404, 404))
        .says(written("Add", 200, 404, 404))
        .gets("0:200 Final")
        .sees(|scene| Box::pin(ends_as(scene, ChannelState::Refused(Refusal::Write(404)))))
        .opens(PACKAGE_1)
        .says("{header}{404}<Final/>")
        .gets("0:200 Final")
        .sees(|scene| Box::pin(notifications_are_off(scene))),
        rule("§8.1", "a PFN without a channel yet: pending, and no other write in the next session")
            .opens(PACKAGE_1)
            .says(fresh("Reveille"))
            .says(written("Add", 200, 200, 404))
            .gets("0:200 Final")
            .sees(|scene| Box::pin(ends_as(scene, ChannelState::Pending)))
            .opens(PACKAGE_1)
            .says("{header}{404}<Final/>")
            .gets("0:200 Final"),
        rule("§8.1", "a foreign ChannelURI is refused")
            .opens(PACKAGE_1)
            .says(fresh("Reveille"))
            .says(with_channel("Add").replace("{uri}", "https://notify.windows.com.evil.test/?token=planted"))
            .sees(|scene| Box::pin(ends_as(scene, ChannelState::Refused(Refusal::InvalidUri)))),
    ]
}

fn refused_sequence(code: u16, says: &'static str) -> Rule {
    rule("DESIGN §4", says)
        .opens(PACKAGE_1)
        .says(fresh("Reveille"))
        .says(written("Add", code, 215, 215))
        .gets("0:200 Add Final")
        .says(format!("{{header}}{}<Final/>", status("Add", "Add", 200)))
        .gets("0:200 Get Final")
        .says(format!("{{header}}{}{CHANNEL}", status("Get", "Get", 200)).replacen(
            "<Item>",
            "<Item><Source><LocURI>{push}/PFN</LocURI></Source><Data>{pfn}</Data></Item><Item>",
            1,
        ))
        .gets("0:200 Final")
        .sees(|scene| Box::pin(ends_as(scene, ChannelState::Live)))
        .sees(|scene| Box::pin(writes_are_plain(scene)))
}

fn writes(scene: &Scene, expect: &[&str]) {
    let verbs: Vec<_> = scene.reply.commands.iter().map(|(_, verb, _)| verb.as_str()).collect();
    assert_eq!(verbs, expect);
}

async fn ends_as(scene: &mut Scene, expect: ChannelState) {
    assert_eq!(scene.record().await.channel.state(), expect);
}

async fn writes_are_plain(scene: &mut Scene) {
    assert!(scene.record().await.channel.plain_writes());
}

async fn notifications_are_off(scene: &mut Scene) {
    let hints = scene.record().await.channel.hints(None);
    assert!(hints.contains(&push::Hint::CloudNotificationsOff), "{hints:?}");
}
