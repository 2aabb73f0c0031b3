//! `[wns]`: the connections to WNS.

use std::time::Duration;

use wns::Settings;

use super::{push::Push, section::Section};

/// What the section says.
pub(super) struct Wns {
    pub(super) settings: Settings,
    /// How long a push may be under way until it counts as lost.
    pub(super) lease: Duration,
}

pub(super) fn read(section: &mut Section<'_, '_>, push: &Push) -> Wns {
    let default = Settings::default();
    let lease = default.longest_push() + Duration::from_secs(15);
    let settings = Settings {
        extra_origins: push.rules.extra_origins.clone(),
        connect_timeout: section.span("connect_timeout", default.connect_timeout),
        push_timeout: section.span("push_timeout", default.push_timeout),
        token_timeout: section.span("token_timeout", default.token_timeout),
        pool_idle_timeout: section.span("idle_timeout", default.pool_idle_timeout),
        token_backoff: section.span("token_backoff", default.token_backoff),
        token_backoff_max: section.span("token_backoff_max", default.token_backoff_max),
    };
    let lease = section.span("lease", lease);
    if lease <= settings.longest_push() {
        let longest = humantime::format_duration(settings.longest_push());
        section.mistake(
            "lease",
            format!("must be longer than {longest}, twice push_timeout and token_timeout: the longest that a push takes"),
        );
    }
    if settings.token_backoff > settings.token_backoff_max {
        section.mistake("token_backoff", "is more than wns.token_backoff_max: it must not be longer");
    }
    Wns { settings, lease }
}
