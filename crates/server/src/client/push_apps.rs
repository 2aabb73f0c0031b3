//! `push-apps …`

use reveille_api::v1::{
    GetPushAppRequest, ListPushAppsRequest, PausePushAppRequest, PushApp, PushAppFaultKind,
    ResumePushAppRequest, TokenState,
};

use super::{Client, again::again, list::page_size, present, view, words};
use crate::{
    cli::{PushAppCommand, Shown},
    failure::{Failure, Outcome},
    print::{self, Cell, Page, Table, Tone},
};

pub(crate) async fn run(client: &Client, command: PushAppCommand) -> Outcome {
    let mut service = client.push_apps();
    match command {
        PushAppCommand::List { shown } => list(client, shown).await,
        PushAppCommand::Show { name, shown } => show(client, &name, shown).await,
        PushAppCommand::Pause { name } => {
            let answer = service.pause_push_app(PausePushAppRequest { name: name.clone() }).await;
            client.answered(answer)?;
            print::line(format!("{name} is paused: its wakes wait until `reveille push-apps resume {name}`."))
        }
        PushAppCommand::Resume { name } => {
            client.answered(service.resume_push_app(ResumePushAppRequest { name: name.clone() }).await)?;
            print::line(format!("{name} may push again."))
        }
    }
}

async fn list(client: &Client, shown: Shown) -> Outcome {
    if let Some(every) = shown.watch {
        return again(every, async || Ok(Page::from(rows(&all(client).await?)))).await;
    }
    let apps = all(client).await?;
    if shown.json {
        return print::json(&apps.into_iter().map(view::PushApp::from).collect::<Vec<_>>());
    }
    print::page(&rows(&apps).into())
}

async fn show(client: &Client, name: &str, shown: Shown) -> Outcome {
    let look = async || {
        let request = GetPushAppRequest { name: name.to_owned() };
        present(client.answered(client.push_apps().get_push_app(request).await)?.push_app)
    };
    if let Some(every) = shown.watch {
        return again(every, async || Ok(story(&look().await?))).await;
    }
    let app = look().await?;
    if shown.json { print::json(&view::PushApp::from(app)) } else { print::page(&story(&app)) }
}

/// They come from a configuration: there are few.
async fn all(client: &Client) -> Result<Vec<PushApp>, Failure> {
    let mut request = ListPushAppsRequest { page_size: page_size(usize::MAX), page_token: String::new() };
    let mut apps = Vec::new();
    loop {
        let page = client.answered(client.push_apps().list_push_apps(request.clone()).await)?;
        apps.extend(page.push_apps);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(apps);
        }
    }
}

fn rows(apps: &[PushApp]) -> Table {
    let mut table = Table::new(["NAME", "PFN", "MODE", "TOKEN", "TROUBLE"]);
    for app in apps {
        let token = app.token.map(|token| token.state()).unwrap_or_default();
        table.row([
            app.name.clone().into(),
            app.pfn.clone().into(),
            words::word(app.mode().as_str_name(), "PUSH_MODE_").into(),
            Cell::from((words::word(token.as_str_name(), "TOKEN_STATE_"), tone(token))),
            Cell::from((troubles(app).join("; "), Tone::Bad)),
        ]);
    }
    table
}

fn tone(token: TokenState) -> Tone {
    match token {
        TokenState::Valid => Tone::Good,
        TokenState::Refused => Tone::Bad,
        TokenState::Unavailable => Tone::Odd,
        TokenState::None | TokenState::Unspecified => Tone::Plain,
    }
}

/// Everything about a push app.
fn story(app: &PushApp) -> Page {
    let mut page = Page::default();
    page.toned(Tone::Strong, format!("{} ({})", app.name, app.pfn));
    let mode = words::word(app.mode().as_str_name(), "PUSH_MODE_");
    page.line(format!("mode {mode}, auth {}", words::word(app.auth().as_str_name(), "PUSH_APP_AUTH_")));
    let token = app.token.unwrap_or_default();
    let said = match token.state() {
        TokenState::Valid => format!("token valid until {}", words::time(token.expire_time)),
        TokenState::None | TokenState::Unspecified => "no token was needed yet".into(),
        TokenState::Unavailable => "no token: the token endpoint cannot be reached or is overloaded".into(),
        TokenState::Refused => "no token: the token endpoint refused the credential".into(),
    };
    page.toned(tone(token.state()), said);
    let troubles = troubles(app);
    if troubles.is_empty() {
        page.toned(Tone::Good, "nothing is wrong");
    }
    for trouble in troubles {
        page.toned(Tone::Bad, trouble);
    }
    let counts: Vec<_> = app
        .channel_counts
        .iter()
        .map(|count| format!("{} {}", count.count, words::channel_state(count.state())))
        .collect();
    let none = counts.is_empty();
    page.line(if none { "no devices".into() } else { format!("devices: {}", counts.join(", ")) });
    page
}

/// What holds the app back.
fn troubles(app: &PushApp) -> Vec<String> {
    let mut troubles = Vec::new();
    if app.paused {
        troubles.push("paused".to_owned());
    }
    if app.blocked_time.is_some() {
        let since = words::time(app.blocked_time);
        troubles.push(format!("WNS blocks it since {since}: an operator must talk to Microsoft"));
    }
    if let Some(fault) = &app.fault {
        let what = match fault.kind() {
            PushAppFaultKind::Credential => "its credential is refused: look at SID and secret",
            PushAppFaultKind::Mismatch => "its channels belong to another app: look at PFN and SID",
            PushAppFaultKind::Malformed => "its pushes are refused as malformed: look at push.payload",
            PushAppFaultKind::MassDeath => {
                "WNS calls most of its channels dead, which are held as suspect: resume it if that is true"
            }
            PushAppFaultKind::Unspecified => "it has a fault",
        };
        let since = words::time(fault.since);
        let said =
            if fault.description.is_empty() { String::new() } else { format!(" ({})", fault.description) };
        let probed = match fault.next_probe_time {
            Some(time) => format!(", tried again {}", words::time(Some(time))),
            None => String::new(),
        };
        troubles.push(format!("since {since} {what}{said}{probed}"));
    }
    if app.gate_time.is_some() {
        troubles.push(format!("held back until {}", words::time(app.gate_time)));
    }
    troubles
}
