//! `[store]`: where everything is remembered.

use std::{path::PathBuf, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use store::{Key, Retention};
use url::Url;

use super::{Engine, KeySource, StoreConfig, secret::Place, section::Section, value::quoted};

const URL: &str = "sqlite://reveille.db";
const KEY_FILE: &str = "reveille.key";

/// `silence` is after how long an open session is over. None only together with a mistake.
pub(super) fn read(section: &mut Section<'_, '_>, silence: Duration) -> Option<StoreConfig> {
    let database = database(section);
    let key = key(section);
    let default = Retention::default();
    let retention = Retention {
        session_silence: silence,
        last_reply: section.span("last_reply", default.last_reply),
        history: section.span("history", default.history),
        uneventful_sessions: section.value("uneventful_sessions", default.uneventful_sessions),
    };
    let (url, engine) = database?;
    Some(StoreConfig { url, engine, key: key?, retention })
}

fn database(section: &mut Section<'_, '_>) -> Option<(SecretString, Engine)> {
    let url = if section.is_table("url") {
        let place = section.place("url", None)?;
        let secret = place.secret(section.environment());
        secret.map_err(|why| section.mistake("url", why)).ok()?
    } else {
        let text = section.hidden_text("url").unwrap_or_else(|| URL.into());
        section.record("url", quoted(&shown(&text)));
        text.into()
    };
    let engine = engine(url.expose_secret());
    if engine.is_none() {
        section.mistake(
            "url",
            "is no database that is known: write \"sqlite://FILE\" or \"postgres://USER@HOST/DATABASE\"",
        );
    }
    Some((url, engine?))
}

/// A database in memory would be another one for each connection.
fn engine(url: &str) -> Option<Engine> {
    if let Some(rest) = url.strip_prefix("sqlite:") {
        let file = rest.strip_prefix("//").unwrap_or(rest).split('?').next().unwrap_or_default();
        return (!file.is_empty() && file != ":memory:").then(|| Engine::Sqlite(file.into()));
    }
    let url = Url::parse(url).ok()?;
    (["postgres", "postgresql"].contains(&url.scheme()) && url.has_host()).then_some(Engine::Postgres)
}

/// The URL without its password, wherever that stands.
fn shown(text: &str) -> String {
    const HIDDEN: &str = "redacted";
    if text.starts_with("sqlite:") {
        return text.to_owned();
    }
    let Ok(mut url) = Url::parse(text) else {
        return HIDDEN.into();
    };
    if url.password().is_some() && url.set_password(Some(HIDDEN)).is_err() {
        return HIDDEN.into();
    }
    if url.query_pairs().any(|(name, _)| name.contains("password")) {
        url.set_query(Some(HIDDEN));
    }
    url.into()
}

fn key(section: &mut Section<'_, '_>) -> Option<KeySource> {
    let place = section.place("key", Some(Place::File(KEY_FILE.into())))?;
    match &place {
        // Whether it may be made is known when the database is opened.
        Place::File(path) if !path.exists() => Some(KeySource::File(path.clone())),
        Place::File(path) => check(section, Key::read(path)).map(|_| KeySource::File(PathBuf::from(path))),
        Place::Variable(_) => match place.secret(section.environment()) {
            Ok(text) => check(section, Key::parse(text.expose_secret())).map(KeySource::Given),
            Err(why) => {
                section.mistake("key", format!("{why}: make a key with `openssl rand -base64 32`"));
                None
            }
        },
    }
}

fn check(section: &mut Section<'_, '_>, key: Result<Key, store::KeyError>) -> Option<Key> {
    key.map_err(|error| section.mistake("key", format!("cannot be used: {error}"))).ok()
}
