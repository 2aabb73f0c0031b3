//! `[[push_app]]`: the WNS applications.

use std::{collections::BTreeSet, str::FromStr};

use model::InvalidName;
use secrecy::SecretString;
use url::{Origin, Url};
use wns::{Auth, LegacyAuth};

use super::{Mistake, PushApp, push::Push, secret, section::Section, value::quoted};

/// None only together with a mistake.
pub(super) fn read(section: &mut Section<'_, '_>, push: &Push) -> Option<PushApp> {
    let name = named(section, "name", "a name of your choosing such as \"main\"");
    let pfn = named(section, "pfn", PFN);
    section.choice("auth", &[("legacy", ())], &["entra"]);
    let sid = sid(section);
    let secret = secret(section);
    let token_url = token_url(section, &push.extra_origins);
    let auth = Auth::Legacy(LegacyAuth { token_url: token_url?, sid: sid?, secret: secret? });
    Some(PushApp { name: name?, pfn: pfn?, auth })
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

/// The secret goes there: over https, or to an emulator that the operator named.
fn token_url(section: &mut Section<'_, '_>, extra: &[Origin]) -> Option<Url> {
    let text = section.hidden_text("token_url").unwrap_or_else(|| LegacyAuth::TOKEN_URL.into());
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
