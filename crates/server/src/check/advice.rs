//! What to do when a token endpoint gives no token (wns.md §1).

use std::time::Duration;

use wns::Auth;

/// What a refusal says, and what helps. The first that matches counts; codes of Entra are no stable interface, so what is
/// not known is named and not guessed at.
const REFUSALS: [(&str, &str); 15] = [
    (
        "no longer supported",
        "Microsoft closes login.live.com for new registrations. Register an app with Entra, and set auth = \"entra\", \
         tenant, client_id and secret; whether WNS takes its tokens for managed devices is not known, so keep polling on.",
    ),
    (
        "AADSTS7000215",
        "The client secret is wrong. Use the secret's value, not its id; make a new one if it was lost.",
    ),
    (
        "AADSTS7000222",
        "The client secret has expired. Make a new one and send SIGHUP once it is in its file.",
    ),
    (
        "AADSTS700016",
        "The tenant knows no such application: look at client_id and tenant. If it is another tenant's app, an \
         administrator of this tenant must consent to it.",
    ),
    ("AADSTS90002", "There is no such tenant: look at tenant. In a sovereign cloud set token_url, too."),
    ("AADSTS900023", "The tenant is neither an id nor a domain name: look at tenant."),
    ("AADSTS9002332", PERSONAL),
    ("AADSTS9002346", PERSONAL),
    ("AADSTS9002331", PERSONAL),
    (
        "AADSTS500011",
        "The tenant does not know WNS as a resource: look at token_url, and at the cloud it belongs to.",
    ),
    ("AADSTS7000112", "The application is disabled in this tenant: an administrator must enable it."),
    (
        "AADSTS700024",
        "The time of the request is outside of what Entra accepts: look at this machine's clock.",
    ),
    ("AADSTS", "Look up the code at https://login.microsoftonline.com/error."),
    (
        "unauthorized_client",
        "The client may not ask for tokens like this: look at whether the app registration is the one that Partner \
         Center links to the app.",
    ),
    ("invalid_scope", "The endpoint does not issue tokens for WNS: look at auth and token_url."),
];

const PERSONAL: &str = "This registration is for personal Microsoft accounts, and WNS takes only those of organizations: \
                        register an app of its own with Entra.";

/// What to do about credentials that are refused.
pub(super) fn of_refusal(description: &str, auth: &Auth) -> String {
    let lower = description.to_ascii_lowercase();
    let known = REFUSALS.iter().find(|(words, _)| lower.contains(&words.to_ascii_lowercase()));
    match (known, auth) {
        (Some((_, advice)), _) => (*advice).to_owned(),
        (None, Auth::Legacy(_)) if lower.contains("invalid_client") => {
            "SID or secret is wrong: both are on Partner Center's page \"Product identity\" and the app registration that \
             it links to. Secrets live for 180 days at most."
                .into()
        }
        (None, Auth::Entra(_)) if lower.contains("invalid_client") => {
            "Client id or secret is wrong: look at both in the app registration.".into()
        }
        (None, _) => "Look at the credentials and at token_url.".into(),
    }
}

/// What to do when the endpoint gives no answer that counts.
pub(super) fn of_outage(description: &str, retry_after: Option<Duration>, auth: &Auth) -> String {
    let lower = description.to_ascii_lowercase();
    if let Some(wait) = retry_after {
        let wait = humantime::format_duration(Duration::from_secs(wait.as_secs()));
        return format!("It asks to be left alone for {wait}; the service does that by itself.");
    }
    if ["certificate", "notvalidyet", "expired"].iter().any(|word| lower.contains(word)) {
        return "Its certificate is not accepted: look at this machine's clock, its root certificates, and whether \
                something opens TLS on the way."
            .into();
    }
    let host = auth.token_url().host_str().unwrap_or_default().to_owned();
    format!(
        "Can this machine reach {host}? Proxies of the environment are not used. The service tries again by itself."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn legacy() -> Auth {
        let token_url = "https://login.example/token".parse().unwrap();
        Auth::Legacy(wns::LegacyAuth { token_url, sid: "s-1-15-2-1".into(), secret: "planted".into() })
    }

    fn entra() -> Auth {
        let token_url = "https://login.example/token".parse().unwrap();
        Auth::Entra(wns::EntraAuth { token_url, client_id: "id".into(), secret: "planted".into() })
    }

    #[test]
    fn every_refusal_has_its_advice() {
        let closing =
            "invalid_request: Client credential flows against login.live.com are no longer supported.";
        for (auth, description, expect) in [
            (legacy(), closing, "Register an app with Entra"),
            (legacy(), "invalid_client", "SID or secret is wrong"),
            (legacy(), "invalid_scope: x", "does not issue tokens for WNS"),
            (legacy(), "unauthorized_client", "Partner"),
            (legacy(), "the token endpoint answered 403", "Look at the credentials"),
            (entra(), "invalid_client: AADSTS7000215: Invalid client secret", "The client secret is wrong"),
            (entra(), "invalid_client: AADSTS7000222: The provided", "has expired"),
            (entra(), "unauthorized_client: AADSTS700016: Application", "look at client_id and tenant"),
            (entra(), "invalid_request: AADSTS90002: Tenant", "no such tenant"),
            (entra(), "invalid_request: AADSTS9002332: x", "personal Microsoft accounts"),
            (entra(), "invalid_client: AADSTS700024: x", "clock"),
            (entra(), "invalid_request: AADSTS123: x", "Look up the code"),
            (entra(), "invalid_client", "Client id or secret"),
        ] {
            let advice = of_refusal(description, &auth);
            assert!(advice.contains(expect), "{description}: {advice}");
        }
    }

    #[test]
    fn an_outage_has_its_advice_too() {
        let wait = Some(Duration::from_millis(30_400));
        for (description, wait, expect) in [
            ("the token endpoint answered 429", wait, "for 30s"),
            ("invalid peer certificate: NotValidYet", None, "clock"),
            ("error sending request: dns error", None, "reach login.example"),
        ] {
            let advice = of_outage(description, wait, &legacy());
            assert!(advice.contains(expect), "{description}: {advice}");
        }
    }
}
