//! `[[push_app]]`: the WNS applications.

use std::{collections::BTreeSet, str::FromStr};

use model::InvalidName;
use secrecy::SecretString;
use url::{Origin, Url};
use wns::{Auth, EntraAuth, LegacyAuth};

use super::{
    Mistake, PushApp,
    push::{self, Push},
    secret,
    section::Section,
    value::quoted,
};

/// How an app gets its tokens.
#[derive(Clone, Copy)]
enum Flow {
    Legacy,
    Entra,
}

/// None only together with a mistake.
pub(super) fn read(section: &mut Section<'_, '_>, push: &Push) -> Option<PushApp> {
    let name = named(section, "name", "a name of your choosing such as \"main\"");
    let pfn = named(section, "pfn", PFN);
    let auth = match section.choice("auth", &[("legacy", Flow::Legacy), ("entra", Flow::Entra)]) {
        Flow::Legacy => legacy(section, push),
        Flow::Entra => entra(section, push),
    };
    let mode = section.has("mode").then(|| section.choice("mode", push::MODES));
    Some(PushApp { name: name?, pfn: pfn?, auth: auth?, mode })
}

fn legacy(section: &mut Section<'_, '_>, push: &Push) -> Option<Auth> {
    without_use(section, ["tenant", "client_id"], "entra");
    let sid = sid(section);
    let secret = secret(section);
    let usual = Url::parse(LegacyAuth::TOKEN_URL).ok();
    let token_url = token_url(section, usual, &push.extra_origins);
    Some(Auth::Legacy(LegacyAuth { token_url: token_url?, sid: sid?, secret: secret? }))
}

fn entra(section: &mut Section<'_, '_>, push: &Push) -> Option<Auth> {
    without_use(section, ["sid"], "legacy");
    let usual = tenant(section);
    let client_id = client_id(section);
    let secret = secret(section);
    let token_url = token_url(section, usual, &push.extra_origins);
    Some(Auth::Entra(EntraAuth { token_url: token_url?, client_id: client_id?, secret: secret? }))
}

/// Settings of the other flow are mistakes: whoever wrote them meant something by them.
fn without_use<const N: usize>(section: &mut Section<'_, '_>, keys: [&'static str; N], flow: &str) {
    for key in keys {
        if section.has(key) {
            section.hidden_text(key);
            section
                .mistake(key, format!("has a use only with auth = \"{flow}\": take it out, or write that"));
        }
    }
}

/// No two apps may have the same name or PFN.
pub(super) fn check(apps: &[PushApp], mistakes: &mut Vec<Mistake>) {
    let mut names = BTreeSet::new();
    let mut pfns = BTreeSet::new();
    for app in apps {
        if !names.insert(&app.name) {
            let name = quoted(app.name.as_str());
            mistakes.push(Mistake::new(format!("Two push apps have the name {name}: give each its own.")));
        }
        if !pfns.insert(&app.pfn) {
            let pfn = quoted(app.pfn.as_str());
            mistakes.push(Mistake::new(format!("Two push apps have the pfn {pfn}: keep one of them.")));
        }
    }
}

const PFN: &str = "the package family name from Partner Center's page \"Product identity\"";
const TENANT: &str = "the directory (tenant) id of the app registration, or one of the tenant's domain names";
const CLIENT_ID: &str =
    "the application (client) id of the app registration, 32 hexadecimal digits with hyphens";
const SID: &str = "the package SID from the same page as the PFN, such as \"ms-app://s-1-15-2-…\"";

fn named<T>(section: &mut Section<'_, '_>, key: &'static str, what: &str) -> Option<T>
where
    T: FromStr<Err = InvalidName>,
{
    let text = section.required(key, what)?;
    section.record(key, quoted(&text));
    text.parse().map_err(|why| section.mistake(key, format!("{why}: write {what}"))).ok()
}

/// What was found is not quoted: SID and secret are easily swapped.
fn sid(section: &mut Section<'_, '_>) -> Option<String> {
    let text = section.required("sid", SID)?;
    let lower = text.trim().to_ascii_lowercase();
    if !lower.strip_prefix("ms-app://").unwrap_or(&lower).starts_with("s-1-") {
        section.mistake("sid", format!("is no package SID: write {SID}"));
        return None;
    }
    section.record("sid", quoted(&text));
    Some(text)
}

fn secret(section: &mut Section<'_, '_>) -> Option<SecretString> {
    if !section.has("secret") {
        section.mistake("secret", format!("is missing: write {}", secret::EXPECTED));
    }
    let secret = section.place("secret", None)?.secret(section.environment());
    secret.map_err(|why| section.mistake("secret", format!("{why}: put the app's secret there"))).ok()
}

/// The tenant's own token endpoint.
fn tenant(section: &mut Section<'_, '_>) -> Option<Url> {
    let text = section.required("tenant", TENANT)?;
    let url = EntraAuth::token_url(&text);
    match url {
        Some(_) => section.record("tenant", quoted(&text)),
        None => section.mistake("tenant", format!("is no tenant: write {TENANT}")),
    }
    url
}

/// What was found is not quoted: client id and secret are easily swapped.
fn client_id(section: &mut Section<'_, '_>) -> Option<String> {
    let text = section.required("client_id", CLIENT_ID)?;
    let text = text.trim();
    let is_id = text.len() == 36 && text.chars().all(|char| char.is_ascii_hexdigit() || char == '-');
    if !is_id {
        section.mistake("client_id", format!("is no application id: write {CLIENT_ID}"));
        return None;
    }
    section.record("client_id", quoted(text));
    Some(text.to_owned())
}

/// The secret goes there: over https, or to an emulator that the operator named. Nothing only together with a mistake,
/// here or at what makes the usual one.
fn token_url(section: &mut Section<'_, '_>, usual: Option<Url>, extra: &[Origin]) -> Option<Url> {
    let text = section.hidden_text("token_url").or_else(|| usual.map(Into::into))?;
    let url = Url::parse(&text).ok().filter(|url| {
        url.has_host() && url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
    });
    let Some(url) = url.filter(|url| ["http", "https"].contains(&url.scheme())) else {
        section
            .mistake("token_url", "is no URL of a token endpoint: write one such as \"https://HOST/PATH\"");
        return None;
    };
    section.record("token_url", quoted(&text));
    if url.scheme() == "http" && !extra.contains(&url.origin()) {
        let origin = url.origin().ascii_serialization();
        section.mistake(
            "token_url",
            format!("would send the secret unencrypted: write https, or for an emulator add \"{origin}\" to push.extra_channel_origins"),
        );
        return None;
    }
    Some(url)
}
