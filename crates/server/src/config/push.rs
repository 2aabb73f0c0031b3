//! `[push]`: the rules of waking and of channels.

use std::time::Duration;

use model::Labels;
use push::{ExtraOrigins, Mode, Settings};
use url::{Origin, Url};

use super::{section::Section, value::quoted};

/// What the section says.
pub(super) struct Push {
    pub(super) rules: Settings,
    /// Those of the rules, one by one.
    pub(super) extra_origins: Vec<Origin>,
    pub(super) node_root: String,
    pub(super) pfn_writes_per_hour: u64,
    pub(super) max_woken_sessions_per_second: u32,
    pub(super) look_every: Duration,
}

/// The words for modes; the first is the default.
pub(super) const MODES: &[(&str, Mode)] = &[("on", Mode::On), ("observe", Mode::Observe), ("off", Mode::Off)];

/// `[[push.rule]]`: the mode of devices with a label. None only together with a mistake.
pub(super) fn rule(section: &mut Section<'_, '_>) -> Option<((String, String), Mode)> {
    let text = section.required("label", LABEL)?;
    let label = text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    let label = label.filter(|pair| Labels::new([pair.clone()]).is_ok());
    if label.is_none() {
        section.mistake("label", format!("is no label: write {LABEL}"));
    }
    section.record("label", quoted(&text));
    // Without a default: a rule that lets pushes through says so.
    let mode = section.required_choice("mode", MODES)?;
    Some((label?, mode))
}

const LABEL: &str = "a key and its value, such as \"ring=pilot\"";

/// The most bytes of a notification (wns.md §2.2).
const MAX_PAYLOAD: usize = 5_000;

pub(super) fn read(section: &mut Section<'_, '_>) -> Push {
    let mode = section.choice("mode", MODES);
    let (origins, extra_origins) = extra_origins(section);
    let rules = Settings { mode, extra_origins, ..Settings::default() };
    let rules = pushes(section, rules);
    let rules = channels(section, rules);
    check_pushes(section, &rules);
    check_channels(section, &rules);
    let gateway = ::gateway::Settings::default();
    Push {
        rules,
        extra_origins: origins,
        node_root: node_root(section, &gateway.node_root),
        pfn_writes_per_hour: section.value("pfn_writes_per_hour", gateway.pfn_writes_per_hour),
        max_woken_sessions_per_second: section.value("max_woken_sessions_per_second", 0),
        look_every: section.span("look_every", Duration::from_secs(1)),
    }
}

fn pushes(section: &mut Section<'_, '_>, default: Settings) -> Settings {
    let payload = String::from_utf8_lossy(&default.payload).into_owned();
    Settings {
        payload: section.text("payload", &payload).into_bytes(),
        wns_priority: section.option("wns_priority"),
        max_ttl: section.span("max_ttl", default.max_ttl),
        min_gap: section.span("min_gap", default.min_gap),
        answer_window: section.span("answer_window", default.answer_window),
        max_unanswered: section.count("max_unanswered", default.max_unanswered),
        open_session_delay: section.value("open_session_delay", default.open_session_delay),
        open_session_silence: section.span("open_session_silence", default.open_session_silence),
        max_pushes_per_second: section.value("max_pushes_per_second", default.max_pushes_per_second),
        channel_burst: section.count("channel_burst", default.channel_burst),
        channel_refill: section.span("channel_refill", default.channel_refill),
        channel_hourly: section.value("channel_hourly", default.channel_hourly),
        channel_gate: section.span("channel_gate", default.channel_gate),
        channel_gate_max: section.span("channel_gate_max", default.channel_gate_max),
        dropped_delays: section.value("dropped_delays", default.dropped_delays),
        backoff: section.span("backoff", default.backoff),
        backoff_max: section.span("backoff_max", default.backoff_max),
        app_gate: section.span("app_gate", default.app_gate),
        app_gate_max: section.span("app_gate_max", default.app_gate_max),
        fault_probe: section.span("fault_probe", default.fault_probe),
        fault_probe_max: section.span("fault_probe_max", default.fault_probe_max),
        app_patience: section.count("app_patience", default.app_patience),
        mass_death_window: section.count("mass_death_window", default.mass_death_window),
        mass_death_least: section.count("mass_death_least", default.mass_death_least),
        ..default
    }
}

fn channels(section: &mut Section<'_, '_>, default: Settings) -> Settings {
    Settings {
        channel_life: section.span("channel_life", default.channel_life),
        reset_age: section.span("reset_age", default.reset_age),
        reset_age_old_builds: section.span("reset_age_old_builds", default.reset_age_old_builds),
        reset_jitter: section.value("reset_jitter", default.reset_jitter),
        pending_patience: section.span("pending_patience", default.pending_patience),
        pfn_write_gap: section.span("pfn_write_gap", default.pfn_write_gap),
        pfn_write_judged: section.span("pfn_write_judged", default.pfn_write_judged),
        pfn_write_attempts: section.count("pfn_write_attempts", default.pfn_write_attempts),
        pfn_write_rest: section.span("pfn_write_rest", default.pfn_write_rest),
        refused_write_retry: section.span("refused_write_retry", default.refused_write_retry),
        pfn_writes_per_day: section.count("pfn_writes_per_day", default.pfn_writes_per_day),
        poll_every: section.span("poll_every", default.poll_every),
        ..default
    }
}

fn check_pushes(section: &mut Section<'_, '_>, rules: &Settings) {
    if rules.payload.is_empty() {
        section.mistake("payload", "is empty, and devices discard empty notifications: write a short text");
    }
    if rules.payload.len() > MAX_PAYLOAD {
        let bytes = rules.payload.len();
        section.mistake("payload", format!("has {bytes} bytes: WNS takes {MAX_PAYLOAD} at most"));
    }
    if let Some(priority) = rules.wns_priority.filter(|priority| !(1..=4).contains(priority)) {
        section.mistake(
            "wns_priority",
            format!("is {priority}: write 1 (high) to 4 (very low), or leave it out"),
        );
    }
    if rules.max_ttl < Duration::from_secs(1) && !rules.max_ttl.is_zero() {
        section.mistake("max_ttl", "is less than a second: WNS counts in whole seconds");
    }
    if rules.dropped_delays.is_empty() || rules.dropped_delays.iter().any(Duration::is_zero) {
        section.mistake("dropped_delays", "must hold at least one delay, and none of zero");
    }
    ordered(section, ("min_gap", rules.min_gap), ("answer_window", rules.answer_window));
    ordered(section, ("channel_gate", rules.channel_gate), ("channel_gate_max", rules.channel_gate_max));
    ordered(section, ("backoff", rules.backoff), ("backoff_max", rules.backoff_max));
    ordered(section, ("backoff", rules.backoff), ("app_gate", rules.app_gate));
    ordered(section, ("app_gate", rules.app_gate), ("app_gate_max", rules.app_gate_max));
    ordered(section, ("fault_probe", rules.fault_probe), ("fault_probe_max", rules.fault_probe_max));
}

fn check_channels(section: &mut Section<'_, '_>, rules: &Settings) {
    ordered(section, ("reset_age_old_builds", rules.reset_age_old_builds), ("reset_age", rules.reset_age));
    ordered(section, ("reset_age", rules.reset_age), ("channel_life", rules.channel_life));
    ordered(
        section,
        ("reset_jitter", rules.reset_jitter),
        ("reset_age_old_builds", rules.reset_age_old_builds),
    );
    ordered(section, ("pfn_write_gap", rules.pfn_write_gap), ("pfn_write_rest", rules.pfn_write_rest));
}

/// The first must not be longer than the second.
fn ordered(section: &mut Section<'_, '_>, short: (&str, Duration), long: (&str, Duration)) {
    if short.1 > long.1 {
        let (shorter, longer) = (humantime::format_duration(short.1), humantime::format_duration(long.1));
        let says =
            format!("is {shorter}, which is more than push.{} ({longer}): it must not be longer", long.0);
        section.mistake(short.0, says);
    }
}

fn extra_origins(section: &mut Section<'_, '_>) -> (Vec<Origin>, ExtraOrigins) {
    let given: Vec<String> = section.value("extra_channel_origins", Vec::new());
    let urls: Option<Vec<Url>> = given.iter().map(|text| Url::parse(text).ok().filter(is_bare)).collect();
    if let (Some(urls), Ok(origins)) = (urls, ExtraOrigins::parse(&given)) {
        return (urls.iter().map(Url::origin).collect(), origins);
    }
    // What was found is not quoted: it may be a whole ChannelURI.
    section.mistake(
        "extra_channel_origins",
        "must hold origins only, such as \"http://127.0.0.1:7070\": no path, no query, no user",
    );
    (Vec::new(), ExtraOrigins::default())
}

fn is_bare(url: &Url) -> bool {
    ["http", "https"].contains(&url.scheme())
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none()
}

fn node_root(section: &mut Section<'_, '_>, default: &str) -> String {
    let node_root = section.text("node_root", default);
    let settings = ::gateway::Settings { node_root, ..Default::default() };
    if settings.check().contains(&::gateway::InvalidSettings::NodeRoot) {
        let words = ["./Vendor/MSFT", "./Device/Vendor/MSFT"];
        section.not_a_word("node_root", &settings.node_root, words);
    }
    settings.node_root
}
