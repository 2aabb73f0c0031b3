//! What a device tells about itself is kept and used.

use super::{
    PACKAGE_1, WELCOME,
    rule::{Rule, rule},
    scene::Scene,
};

/// An answer to the first Gets that tells a build and whether large objects are taken; the rest is absent.
fn detail(build: &str, large_objects: &str) -> String {
    format!(
        "{{header}}<Status><CmdID>2</CmdID><MsgRef>{{msg}}</MsgRef><CmdRef>{{Get}}</CmdRef><Cmd>Get</Cmd><Data>404</Data>\
         </Status><Status><CmdID>3</CmdID><MsgRef>{{msg}}</MsgRef><CmdRef>{{Get 2}}</CmdRef><Cmd>Get</Cmd><Data>404</Data>\
         </Status><Status><CmdID>4</CmdID><MsgRef>{{msg}}</MsgRef><CmdRef>{{Get 3}}</CmdRef><Cmd>Get</Cmd><Data>200</Data>\
         </Status><Results><CmdID>5</CmdID><MsgRef>{{msg}}</MsgRef><CmdRef>{{Get 3}}</CmdRef><Item><Source><LocURI>\
         ./DevDetail/SwV</LocURI></Source><Data>{build}</Data></Item><Item><Source><LocURI>./DevDetail/LrgObj</LocURI>\
         </Source><Meta><Format xmlns=\"syncml:metinf\">bool</Format></Meta><Data>{large_objects}</Data></Item></Results>\
         <Final/>"
    )
}

pub(crate) fn rules() -> Vec<Rule> {
    vec![
        rule("§3.2", "DevInfo of package 1 is kept: manufacturer, model, client version, language")
            .opens(PACKAGE_1)
            .gets(WELCOME)
            .sees(|scene| Box::pin(dev_info_is_kept(scene))),
        rule("§8.4", "DevDetail is asked for in the first session, and kept")
            .opens(PACKAGE_1)
            .checks(|scene| detail_is_asked(scene, true))
            .says(detail("10.0.22631.4317", "true"))
            .gets("0:200 Final")
            .sees(|scene| Box::pin(detail_is_kept(scene, "10.0.22631.4317", true))),
        rule("DESIGN §4", "and not again for a week")
            .opens(PACKAGE_1)
            .says(detail("10.0.22631.4317", "false"))
            .opens(PACKAGE_1)
            .checks(|scene| detail_is_asked(scene, false))
            .sees(|scene| Box::pin(detail_is_kept(scene, "10.0.22631.4317", false))),
        rule("§9.1", "10.0.10586: its channel renewal is known to fail, and the operator is told")
            .opens(PACKAGE_1)
            .says(detail("10.0.10586.318", "false"))
            .sees(|scene| Box::pin(update_is_hinted(scene, true))),
        rule("§9.1", "8.1 likewise")
            .opens(PACKAGE_1)
            .says(detail("6.3.9600.17031", "false"))
            .sees(|scene| Box::pin(update_is_hinted(scene, true))),
        rule("§9.1", "10.0.14393 and later renew by themselves")
            .opens(PACKAGE_1)
            .says(detail("10.0.14393.0", "false"))
            .sees(|scene| Box::pin(update_is_hinted(scene, false))),
    ]
}

async fn dev_info_is_kept(scene: &mut Scene) {
    let info = scene.record().await.device.info;
    let told = [info.manufacturer, info.model, info.dm_version, info.language];
    assert_eq!(told.map(Option::unwrap_or_default), ["Contoso", "C-1", "1.3", "de-DE"]);
}

fn detail_is_asked(scene: &Scene, expect: bool) {
    let asked = scene.reply.nodes_read();
    for node in ["./DevDetail/SwV", "./DevDetail/LrgObj"] {
        assert_eq!(asked.contains(&node), expect, "{asked:?}");
    }
}

async fn detail_is_kept(scene: &mut Scene, build: &str, large_objects: bool) {
    let info = scene.record().await.device.info;
    assert_eq!((info.os_version.as_deref(), info.large_objects), (Some(build), Some(large_objects)));
}

async fn update_is_hinted(scene: &mut Scene, expect: bool) {
    let record = scene.record().await;
    let hints = record.channel.hints(record.device.info.os_version.as_deref());
    assert_eq!(hints.contains(&push::Hint::UpdateWindows), expect, "{hints:?}");
}
