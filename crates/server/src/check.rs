//! `check`: what works and what does not, in words.

use std::time::Duration;

use push::TokenTrouble;
use secrecy::ExposeSecret;
use store::{KeyState, OpenError};
use wns::{ClockSkew, WnsClient};

use crate::{
    config::{Config, Engine, PushApp},
    failure::{Failure, Outcome},
    open,
    print::{self, Page, Tone},
    serve::wns_client,
};

mod advice;
mod listeners;

use listeners::listeners;

/// How far a clock may be off before it is worth a word. Token endpoints tell the time to a second.
const SKEW: Duration = Duration::from_mins(1);

/// Tries everything, one after the other, and tells of each at once; what fails does not keep the rest from being tried.
pub(crate) async fn run(config: &Config) -> Outcome {
    let mut told = Told::default();
    told.tell(&Finding::Works("The configuration has no mistakes.".into()))?;
    for warning in config.warnings() {
        told.tell(&Finding::Note(warning))?;
    }
    told.tell(&database(config).await)?;
    for finding in listeners(config.listen) {
        told.tell(&finding)?;
    }
    let wns = wns_client(config)?;
    for app in &config.push_apps {
        told.tell(&credentials(&wns, app).await)?;
        clock(&wns, app).map_or(Ok(()), |finding| told.tell(&finding))?;
    }
    match told.broken {
        0 => print::line(match told.odd {
            0 => "Everything that was tried works.".to_owned(),
            1 => "Nothing is broken; one line says `look`.".to_owned(),
            more => format!("Nothing is broken; {more} lines say `look`."),
        }),
        1 => Err(Failure::new("One thing does not work.")),
        more => Err(Failure::new(format!("{more} things do not work."))),
    }
}

/// What was told so far.
#[derive(Default)]
struct Told {
    odd: usize,
    broken: usize,
}

impl Told {
    fn tell(&mut self, finding: &Finding) -> Outcome {
        self.odd += usize::from(matches!(finding, Finding::Odd(_)));
        self.broken += usize::from(matches!(finding, Finding::Broken(_)));
        let mut page = Page::default();
        page.text(finding.tone(), &finding.line());
        print::page(&page)
    }
}

/// What came of a try, in a sentence or two.
enum Finding {
    Works(String),
    /// Nothing was tried; it is worth knowing.
    Note(String),
    /// Works, but.
    Odd(String),
    Broken(String),
}

impl Finding {
    fn tone(&self) -> Tone {
        match self {
            Self::Works(_) => Tone::Good,
            Self::Note(_) => Tone::Plain,
            Self::Odd(_) => Tone::Odd,
            Self::Broken(_) => Tone::Bad,
        }
    }

    fn line(&self) -> String {
        match self {
            Self::Works(text) => format!("works     {text}"),
            Self::Note(text) => format!("note      {text}"),
            Self::Odd(text) => format!("look      {text}"),
            Self::Broken(text) => format!("broken    {text}"),
        }
    }
}

/// Looks whether `serve` could open the database, and changes nothing in it.
async fn database(config: &Config) -> Finding {
    if let Engine::Sqlite(path) = &config.store.engine
        && !path.exists()
    {
        let path = path.display();
        return Finding::Odd(format!(
            "There is no database at {path} yet: `reveille serve` makes it, and its key."
        ));
    }
    let key = match open::key(&config.store) {
        Ok(key) => key,
        Err(failure) => return Finding::Broken(failure.to_string()),
    };
    let url = config.store.url.expose_secret();
    match store::inspect(url, &key).await {
        Ok(KeyState::Fits) => {
            Finding::Works("The database can be opened, its schema is known, and the key is its key.".into())
        }
        Ok(KeyState::New) => Finding::Works(
            "The database can be opened, and its schema is known. It has no key yet: the first `reveille serve` binds it \
             to its own for good."
                .into(),
        ),
        Err(OpenError::Outdated(_)) if matches!(config.store.engine, Engine::Sqlite(_)) => Finding::Odd(
            "The database's schema is of an older release: `reveille serve` brings it up to date.".into(),
        ),
        Err(error) => Finding::Broken(open::failure(config, error).to_string()),
    }
}

/// Asks for a token, which proves the credentials, and nothing more: whether WNS takes it for a channel shows with the
/// first push.
async fn credentials(wns: &WnsClient, app: &PushApp) -> Finding {
    let name = &app.name;
    match wns.check_credentials(name).await {
        Ok(()) => Finding::Works(format!("Push app {name} gets a token with its credentials.")),
        Err(TokenTrouble::Credential { description }) => {
            let advice = advice::of_refusal(&description, &app.auth);
            Finding::Broken(format!("Push app {name} gets no token: {description}\n          {advice}"))
        }
        Err(TokenTrouble::Unavailable { description, retry_after }) => {
            let advice = advice::of_outage(&description, retry_after, &app.auth);
            Finding::Broken(format!("Push app {name} gets no token now: {description}\n          {advice}"))
        }
    }
}

/// What the token endpoint's `Date` says of our clock. Certificates, dates in `Retry-After` and the times in what is
/// recorded depend on it.
fn clock(wns: &WnsClient, app: &PushApp) -> Option<Finding> {
    let (by, which) = match wns.clock_skew(&app.name).ok()?? {
        ClockSkew::Ahead(by) => (by, "ahead of"),
        ClockSkew::Behind(by) => (by, "behind"),
    };
    let whole = humantime::format_duration(Duration::from_secs(by.as_secs()));
    (by > SKEW).then(|| {
        Finding::Odd(format!(
            "This machine's clock is {whole} {which} that of the token endpoint of push app {}: set it, or let NTP do so.",
            app.name
        ))
    })
}
