//! Every alert that Windows is known to send is answered 200 and stored with the session.

use super::{
    PACKAGE_1,
    rule::{Rule, rule},
    scene::Scene,
};

/// Code, type, data: the table of oma-dm.md §4.2.
const ALERTS: [(u16, &str, &str); 16] = [
    (1224, "com.microsoft/MDM/LoginStatus", "others"),
    (1224, "com.microsoft/MDM/AADUserToken", "eyJplanted.token"),
    (1224, "com.microsoft/MDM/AADDeviceToken", "eyJplanted.token"),
    (1224, "com.microsoft/MDM/BootstrapSync", "device"),
    (1224, "com.microsoft/MDM/OdjSync", "device"),
    (1224, "com.microsoft/MDM/DevicePrepSync", "ProvisioningComplete"),
    (1224, "com.microsoft.mdm.synctype", "device"),
    (1224, "com.microsoft.mdm.declaredconfigurationdocuments", "&lt;Documents/&gt;"),
    (1224, "Reversed-Domain-Name:com.microsoft.mdm.requestpending", "1"),
    (1224, "Reversed-Domain-Name:com.microsoft.mdm.win32csp_install", "0"),
    (1224, "com.example/of-nobody", "x"),
    (1226, "Reversed-Domain-Name:com.microsoft.mdm.EnterpriseHostedAppInstall.result", "0"),
    (1226, "Reversed-Domain-Name:com.microsoft.mdm.EnterpriseStoreAppInstall.result", "0"),
    (1226, "Reversed-Domain-Name: com.microsoft.mdm.EnterpriseAppUninstall.result", "-2147"),
    (1226, " com.microsoft:mdm.of-the-future", "1"),
    (1224, "", ""),
];

pub(crate) fn rules() -> Vec<Rule> {
    ALERTS.into_iter().map(|(code, kind, data)| stored(code, kind, data)).collect()
}

fn stored(code: u16, kind: &'static str, data: &str) -> Rule {
    let item = format!(
        "<Item><Source><LocURI>./A/Node</LocURI></Source><Meta><Type>{kind}</Type></Meta><Data>{data}"
    );
    let alert = format!("<Alert><CmdID>5</CmdID><Data>{code}</Data>{item}</Data></Item></Alert>");
    let says = if kind.is_empty() { "an alert without a type" } else { kind.trim_start() };
    rule("§4.2", says)
        .opens(PACKAGE_1)
        .says(format!("{{header}}{alert}{{404}}<Final/>"))
        .gets("0:200 5:200 Final")
        .sees(|scene| Box::pin(last_alert_is_stored(scene)))
}

/// The row is found by what was sent.
async fn last_alert_is_stored(scene: &mut Scene) {
    let sent = scene.last.0.split("<Alert><CmdID>5").nth(1).unwrap();
    let (code, kind, data) = ALERTS
        .into_iter()
        .rfind(|(code, kind, data)| {
            sent.contains(&format!("<Data>{code}</Data>"))
                && sent.contains(&format!("<Type>{kind}</Type>"))
                && sent.contains(&format!("<Data>{data}</Data></Item>"))
        })
        .unwrap();
    let session = scene.sessions().await.remove(0);
    let alert = session.alerts.last().expect("an alert");
    let plain = kind.trim().trim_start_matches("Reversed-Domain-Name:").trim();
    assert_eq!((alert.code, alert.kind.as_deref().unwrap_or_default()), (code, plain));
    assert_eq!(alert.source.as_deref(), Some("./A/Node"));
    let is_token = kind.ends_with("Token");
    let expect = if is_token { "" } else { data };
    let stored = alert.data.as_deref().unwrap_or_default().replace('<', "&lt;").replace('>', "&gt;");
    assert_eq!(stored, expect, "the data is kept, but never a token");
    assert!(!is_token || !format!("{session:?}").contains("planted"));
}
