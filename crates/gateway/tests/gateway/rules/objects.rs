//! Large objects and long messages.

use push::ChannelState;

use super::{
    PACKAGE_1,
    rule::{Rule, rule},
    scene::Scene,
};

/// Results of the first Get with one Item.
fn results(id: u32, node: &str, meta: &str, data: &str, more: bool) -> String {
    let more = if more { "<MoreData/>" } else { "" };
    format!(
        "<Results><CmdID>{id}</CmdID><MsgRef>{{msg}}</MsgRef><CmdRef>{{Get}}</CmdRef><Item><Source><LocURI>{{push}}/{node}\
         </LocURI></Source>{meta}<Data>{data}</Data>{more}</Item></Results>"
    )
}

fn size(bytes: &str) -> String {
    format!("<Meta><Size xmlns=\"syncml:metinf\">{bytes}</Size></Meta>")
}

/// The Status of the first Get, and its PFN.
fn begin() -> String {
    let status = "<Status><CmdID>2</CmdID><MsgRef>{msg}</MsgRef><CmdRef>{Get}</CmdRef><Cmd>Get</Cmd><Data>200</Data>\
                  </Status>";
    status.to_owned() + &results(3, "PFN", "", "{pfn}", false)
}

/// The first chunk of the `ChannelURI`, after everything else.
fn first_chunk(meta: &str) -> String {
    format!("{{header}}{}{}", begin(), results(4, "ChannelURI", meta, "{uri start}", true))
}

fn last_chunk() -> String {
    format!("{{header}}{}<Final/>", results(4, "ChannelURI", "", "{uri rest}", false))
}

const ASKED_FOR_MORE: &str = "0:200 4:213 Alert1222";

pub(crate) fn rules() -> Vec<Rule> {
    vec![
        rule("§6", "an object in two chunks: 213 and 1222 without Final, then it is whole")
            .opens(PACKAGE_1)
            .says(first_chunk(&size("{uri size}")))
            .gets(ASKED_FOR_MORE)
            .says(last_chunk())
            .sees(|scene| Box::pin(channel(scene, true))),
        rule("§6", "a total that differs from Size: 424, and nothing of it counts")
            .opens(PACKAGE_1)
            .says(first_chunk(&size("{uri size}0")))
            .gets(ASKED_FOR_MORE)
            .says(last_chunk())
            .gets("0:200 4:424 Final")
            .sees(|scene| Box::pin(channel(scene, false))),
        rule("§5.3", "a chunk without Size: 411")
            .opens(PACKAGE_1)
            .says(first_chunk(""))
            .gets("0:200 4:411 Alert1222")
            .sees(|scene| Box::pin(channel(scene, false))),
        rule("§6", "a Size beyond the limit: 416 or 413, before anything is buffered")
            .opens(PACKAGE_1)
            .says(first_chunk(&size("999999999999")))
            .checks(too_big),
        rule("§6", "another item before the end: alert 1225, and that item counts")
            .opens(PACKAGE_1)
            .says(first_chunk(&size("{uri size}")))
            .gets(ASKED_FOR_MORE)
            .says(format!("{{header}}{}<Final/>", results(5, "Status", "", "0", false)))
            .checks(cut_off)
            .sees(|scene| Box::pin(channel(scene, false))),
        rule("§6", "no reply is longer than the client's MaxMsgSize; what does not fit comes later")
            .sees(|scene| Box::pin(short_replies(scene))),
        rule("§0.6", "we announce no MaxMsgSize").opens(PACKAGE_1).checks(no_limit_is_announced),
    ]
}

async fn channel(scene: &mut Scene, live: bool) {
    let record = scene.record().await;
    assert_eq!(record.channel.state() == ChannelState::Live, live, "{}", scene.reply.text);
    if live {
        assert_eq!(record.channel.uri().map(push::ChannelUri::expose), Some(scene.channel_uri().as_str()));
    }
}

fn too_big(scene: &Scene) {
    let shape = &scene.reply.shape;
    assert!(["0:200 4:413 Alert1222", "0:200 4:416 Alert1222"].contains(&shape.as_str()), "{shape}");
}

fn cut_off(scene: &Scene) {
    assert!(scene.reply.shape.contains("Alert1225"), "{}", scene.reply.shape);
}

async fn short_replies(scene: &mut Scene) {
    const LIMIT: usize = 1_000;
    scene.max_msg_size = Some(LIMIT);
    scene.open(PACKAGE_1).await;
    let mut read: Vec<String> = Vec::new();
    for _ in 0..8 {
        assert!(scene.reply.text.len() <= LIMIT, "{} bytes: {}", scene.reply.text.len(), scene.reply.text);
        read.extend(scene.reply.nodes_read().into_iter().map(str::to_owned));
        if scene.reply.commands.is_empty() {
            break;
        }
        scene.say("{header}{404}<Final/>").await;
    }
    let asked = |node: &str| read.iter().any(|asked| asked.ends_with(node));
    assert!(["/PFN", "/ChannelURI", "/Provider", "/SwV", "/LrgObj"].into_iter().all(asked), "{read:?}");
    let asking = scene.earlier.iter().filter(|reply| !reply.commands.is_empty()).count();
    assert!(asking > 1, "it took several messages");
    assert_eq!(scene.sessions().await[0].ending.as_deref(), Some("completed"));
}

fn no_limit_is_announced(scene: &Scene) {
    assert!(!scene.reply.text.contains("MaxMsgSize"), "{}", scene.reply.text);
}
