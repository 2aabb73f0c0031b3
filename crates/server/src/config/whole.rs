//! All sections together.

use std::{collections::BTreeMap, mem};

use figment::value::{Dict, Value};

use super::{
    Config, Listen, Mistake, canary, gateway, listen, poll, push, push_app,
    section::{Effective, Report, Section},
    source::{Sources, Values},
    store_section, telemetry, wns,
};

/// Reads every section, and what the sections say of each other.
pub(super) fn read(sources: &Sources) -> Result<Config, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let Values { dict, overrides } = sources.values(&mut mistakes);
    let mut report = Report {
        overrides: &overrides,
        environment: &sources.environment,
        mistakes,
        effective: Effective::default(),
    };
    let config = Sections { left: dict, report: &mut report }.read();
    match config {
        Some(config) if report.mistakes.is_empty() => Ok(Config { effective: report.effective, ..config }),
        _ => Err(report.mistakes),
    }
}

struct Sections<'r, 'a> {
    left: Dict,
    report: &'r mut Report<'a>,
}

impl Sections<'_, '_> {
    /// None only together with a mistake.
    fn read(mut self) -> Option<Config> {
        let (notice, drain) = self.section("service", |section| {
            let notice = section.value("notice", std::time::Duration::from_secs(5));
            (notice, section.span("drain", std::time::Duration::from_secs(10)))
        });
        let (gateway_listen, gateway) = self.section("gateway", gateway::read);
        let (grpc, watch) = self.section("grpc", |section| {
            let default = ::grpc::Watch::default();
            let listen = listen::read(section, "127.0.0.1:50051");
            let heartbeat = section.span("heartbeat", default.heartbeat);
            (listen, ::grpc::Watch { heartbeat, poll: section.span("watch_poll", default.poll) })
        });
        let (admin, count_every) = self.section("admin", |section| {
            let listen = listen::read(section, "127.0.0.1:9090");
            (listen, section.span("count_every", std::time::Duration::from_secs(30)))
        });
        let listen = Listen { gateway: gateway_listen, grpc, admin };
        let store = self.section("store", |section| store_section::read(section, gateway.silence));
        let poll = self.nested("push", "poll");
        let labels = self.push_rules();
        let mut push = self.section("push", push::read);
        push.rules.poll = poll.and_then(|values| self.read_section("push.poll", values, poll::read));
        let wns = self.section("wns", |section| wns::read(section, &push));
        let push_apps = self.push_apps(&push);
        let canaries = self.canaries();
        let modes = push_apps.iter().filter_map(|app| Some((app.name.clone(), app.mode?)));
        push.rules.modes = ::push::Modes { labels, apps: modes.collect() };
        let telemetry = self.section("telemetry", telemetry::read);
        self.unknown_sections();
        listen::check(listen, &mut self.report.mistakes);
        push_app::check(&push_apps, &mut self.report.mistakes);
        let history = store.as_ref().map(|store| store.retention.history);
        canary::check(&canaries, history, &mut self.report.mistakes);
        let apps: BTreeMap<_, _> = push_apps.iter().map(|app| (app.name.clone(), app.pfn.clone())).collect();
        Some(Config {
            listen,
            watch,
            count_every,
            notice,
            drain,
            gateway: ::gateway::Settings {
                apps: apps.clone(),
                node_root: push.node_root,
                pfn_writes_per_hour: push.pfn_writes_per_hour,
                ..gateway.settings
            },
            provider_id: gateway.provider_id,
            store: store?,
            push: push.rules,
            wns: wns.settings,
            dispatcher: dispatcher::Settings {
                apps: apps.into_iter().collect(),
                lease: wns.lease,
                poll: push.look_every,
                max_woken_sessions_per_second: push.max_woken_sessions_per_second,
                drain,
            },
            push_apps,
            canaries,
            telemetry,
            effective: Effective::default(),
        })
    }

    fn section<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Section<'_, '_>) -> T) -> T {
        let values = match self.left.remove(name) {
            None => Dict::new(),
            Some(Value::Dict(_, dict)) => dict,
            Some(_) => {
                self.mistake(format!("{name} must be a section: write [{name}] on a line of its own."));
                Dict::new()
            }
        };
        self.read_section(name, values, read)
    }

    fn read_section<T>(
        &mut self,
        name: &str,
        values: Dict,
        read: impl FnOnce(&mut Section<'_, '_>) -> T,
    ) -> T {
        let mut section = Section::new(name.to_owned(), format!("[{name}]"), values, self.report);
        let outcome = read(&mut section);
        section.finish();
        outcome
    }

    /// Takes a section out of another one, if it is there.
    fn nested(&mut self, outer: &str, inner: &str) -> Option<Dict> {
        let Some(Value::Dict(_, values)) = self.left.get_mut(outer) else { return None };
        if let Value::Dict(_, values) = values.remove(inner)? {
            return Some(values);
        }
        self.mistake(format!(
            "{outer}.{inner} must be a section: write [{outer}.{inner}] on a line of its own."
        ));
        None
    }

    fn push_apps(&mut self, push: &push::Push) -> Vec<super::PushApp> {
        let entries = self.left.remove("push_app");
        self.list("push_app", entries, |section| push_app::read(section, push))
    }

    fn canaries(&mut self) -> Vec<super::Canary> {
        let entries = self.left.remove("canary");
        self.list("canary", entries, canary::read)
    }

    fn push_rules(&mut self) -> Vec<((String, String), ::push::Mode)> {
        let entries = match self.left.get_mut("push") {
            Some(Value::Dict(_, values)) => values.remove("rule"),
            _ => None,
        };
        self.list("push.rule", entries, push::rule)
    }

    /// Reads a list of sections, each by itself.
    fn list<T>(
        &mut self,
        name: &str,
        entries: Option<Value>,
        read: impl Fn(&mut Section<'_, '_>) -> Option<T>,
    ) -> Vec<T> {
        let entries = match entries {
            None => Vec::new(),
            Some(Value::Array(_, entries)) => entries,
            Some(_) => {
                self.mistake(format!(
                    "{name} must be a list of sections: write [[{name}]] in double brackets."
                ));
                Vec::new()
            }
        };
        let mut found = Vec::new();
        for (number, entry) in entries.into_iter().enumerate() {
            let Value::Dict(_, values) = entry else {
                self.mistake(format!("{name}[{number}] must be a section: write [[{name}]] above its keys."));
                continue;
            };
            let mut section =
                Section::new(format!("{name}[{number}]"), format!("[[{name}]]"), values, self.report);
            found.extend(read(&mut section));
            section.finish();
        }
        found
    }

    fn unknown_sections(&mut self) {
        for (name, value) in mem::take(&mut self.left) {
            let what =
                if matches!(value, Value::Dict(..) | Value::Array(..)) { "section" } else { "setting" };
            self.mistake(format!(
                "{name} is no {what} that is known: the sections are service, gateway, grpc, admin, store, push, wns, \
                 push_app, canary and telemetry."
            ));
        }
    }

    fn mistake(&mut self, sentence: String) {
        self.report.mistakes.push(Mistake::new(sentence));
    }
}
