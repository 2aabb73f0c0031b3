//! What is remembered about a token: how long it is used, and how long nobody asks again after a failure.

use std::time::{Duration, Instant};

use push::TokenTrouble;

use super::{Token, TokenState, reply::Issued};

/// The longest wait that a token endpoint can ask for.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// The token of one app, and its failures. Time is an argument.
#[derive(Debug)]
pub(super) struct TokenCache {
    held: Option<Held>,
    failure: Option<Failure>,
    backoff: Duration,
    backoff_max: Duration,
}

#[derive(Clone, Debug)]
struct Held {
    token: Token,
    renew_at: Instant,
    good_until: Instant,
}

#[derive(Debug)]
struct Failure {
    trouble: TokenTrouble,
    until: Instant,
    /// How long nobody asks after the next failure in a row.
    next: Duration,
}

/// What to do about a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    Use(Token),
    Failed(TokenTrouble),
    Renew,
}

impl TokenCache {
    pub(super) fn new(backoff: Duration, backoff_max: Duration) -> Self {
        Self { held: None, failure: None, backoff, backoff_max }
    }

    pub(super) fn look(&self, now: Instant) -> Look {
        match (&self.held, &self.failure) {
            (Some(held), _) if now < held.renew_at => Look::Use(held.token.clone()),
            // Renewing failed, but there is some life left in the old one.
            (Some(held), Some(failure)) if now < failure.until && now < held.good_until => {
                Look::Use(held.token.clone())
            }
            (_, Some(failure)) if now < failure.until => Look::Failed(failure.trouble.clone()),
            _ => Look::Renew,
        }
    }

    /// Takes in what the token endpoint said to a request made at `asked_at`; what those who waited for it get.
    pub(super) fn store(
        &mut self,
        outcome: Result<Issued, TokenTrouble>,
        asked_at: Instant,
        now: Instant,
    ) -> Result<Token, TokenTrouble> {
        match outcome {
            Ok(issued) => {
                self.failure = None;
                let token = issued.token.clone();
                self.held = Some(Held::new(issued, asked_at));
                Ok(token)
            }
            Err(trouble) => {
                self.failed(trouble.clone(), now);
                match &self.held {
                    Some(held) if now < held.good_until => Ok(held.token.clone()),
                    _ => Err(trouble),
                }
            }
        }
    }

    /// The cache of the same client with another secret: the token that is held serves on until it fails or ends, and
    /// failures of the old secret are forgotten.
    pub(super) fn with_another_secret(&self) -> Self {
        Self { held: self.held.clone(), failure: None, ..*self }
    }

    /// Forgets the token, if it is still this one.
    pub(super) fn invalidate(&mut self, token: &Token) {
        self.held.take_if(|held| held.token == *token);
    }

    pub(super) fn state(&self, now: Instant) -> TokenState {
        match (&self.held, &self.failure) {
            (_, Some(failure)) => TokenState::Failed(failure.trouble.clone()),
            (Some(held), None) if now < held.good_until => TokenState::Held(held.good_until - now),
            _ => TokenState::None,
        }
    }

    fn failed(&mut self, trouble: TokenTrouble, now: Instant) {
        let wait = self.failure.as_ref().map_or(self.backoff, |failure| failure.next);
        let asked = match &trouble {
            TokenTrouble::Unavailable { retry_after, .. } => {
                retry_after.unwrap_or_default().min(LONGEST_WAIT)
            }
            TokenTrouble::Credential { .. } => Duration::ZERO,
        };
        let next = (2 * wait).min(self.backoff_max);
        self.failure = Some(Failure { trouble, until: now + wait.max(asked), next });
    }
}

impl Held {
    /// The lifetime counts from before the request; renewal comes five minutes or a tenth of it before its end.
    fn new(issued: Issued, asked_at: Instant) -> Self {
        let margin = Duration::from_mins(5).min(issued.lifetime / 10);
        let renew_at = asked_at + issued.lifetime.saturating_sub(margin);
        Self { token: issued.token, renew_at, good_until: asked_at + issued.lifetime }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issued(token: &str, seconds: u64) -> Issued {
        Issued { token: Token::new(token).unwrap(), lifetime: Duration::from_secs(seconds) }
    }

    fn trouble(retry_after: Option<u64>) -> TokenTrouble {
        let retry_after = retry_after.map(Duration::from_secs);
        TokenTrouble::Unavailable { retry_after, description: String::new() }
    }

    fn some_time() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn just_before(end: Instant) -> Instant {
        end.checked_sub(Duration::from_millis(1)).unwrap()
    }

    fn cache() -> TokenCache {
        TokenCache::new(Duration::from_secs(2), Duration::from_mins(1))
    }

    #[test]
    fn a_token_is_renewed_before_its_end() {
        for (lifetime, used_for) in [(86_400, 86_400 - 300), (1_000, 900), (0, 0)] {
            let (mut cache, start) = (cache(), some_time());
            cache.store(Ok(issued("a", lifetime)), start, start + Duration::from_secs(1)).unwrap();
            let end = start + Duration::from_secs(used_for);
            assert_eq!(cache.look(end), Look::Renew, "{lifetime}");
            if used_for > 0 {
                let token = Token::new("a").unwrap();
                assert_eq!(cache.look(just_before(end)), Look::Use(token), "{lifetime}");
            }
        }
    }

    #[test]
    fn failures_keep_askers_away_for_longer_and_longer() {
        let (mut cache, mut now) = (cache(), some_time());
        for seconds in [2, 4, 8, 16, 32, 60, 60] {
            cache.store(Err(trouble(None)), now, now).unwrap_err();
            let end = now + Duration::from_secs(seconds);
            assert_eq!(cache.look(just_before(end)), Look::Failed(trouble(None)), "{seconds}");
            assert_eq!(cache.look(end), Look::Renew, "{seconds}");
            now = end;
        }
        cache.store(Ok(issued("a", 1_000)), now, now).unwrap();
        assert_eq!(cache.state(now), TokenState::Held(Duration::from_secs(1_000)));
    }

    #[test]
    fn retry_after_is_honoured_within_reason() {
        for (asked, expect) in [(1, 2), (900, 900), (1_000_000, 3_600)] {
            let (mut cache, now) = (cache(), some_time());
            cache.store(Err(trouble(Some(asked))), now, now).unwrap_err();
            let end = now + Duration::from_secs(expect);
            assert_eq!(cache.look(just_before(end)), Look::Failed(trouble(Some(asked))));
            assert_eq!(cache.look(end), Look::Renew);
        }
    }

    #[test]
    fn an_old_token_serves_while_it_cannot_be_renewed() {
        let (mut cache, start) = (cache(), some_time());
        cache.store(Ok(issued("a", 1_000)), start, start).unwrap();
        let late = start + Duration::from_secs(950);
        assert_eq!(cache.look(late), Look::Renew);
        assert_eq!(cache.store(Err(trouble(None)), late, late), Ok(Token::new("a").unwrap()));
        assert_eq!(cache.look(late), Look::Use(Token::new("a").unwrap()));
        let end = start + Duration::from_secs(1_000);
        cache.store(Err(trouble(None)), end, end).unwrap_err();
        assert_eq!(cache.look(end), Look::Failed(trouble(None)));
    }

    #[test]
    fn another_secret_keeps_the_token_and_forgets_failures() {
        let (mut cache, start) = (cache(), some_time());
        cache.store(Ok(issued("a", 1_000)), start, start).unwrap();
        let late = start + Duration::from_secs(950);
        cache.store(Err(trouble(Some(900))), late, late).unwrap();
        let next = cache.with_another_secret();
        assert_eq!(next.state(late), TokenState::Held(Duration::from_secs(50)));
        assert_eq!(next.look(just_before(late)), Look::Renew, "with the new secret, and at once");
        assert_eq!(next.look(start), Look::Use(Token::new("a").unwrap()));
    }

    #[test]
    fn only_the_current_token_can_be_invalidated() {
        let (mut cache, now) = (cache(), some_time());
        cache.store(Ok(issued("b", 1_000)), now, now).unwrap();
        cache.invalidate(&Token::new("a").unwrap());
        assert_eq!(cache.look(now), Look::Use(Token::new("b").unwrap()));
        cache.invalidate(&Token::new("b").unwrap());
        assert_eq!(cache.look(now), Look::Renew);
        assert_eq!(cache.state(now), TokenState::None);
    }
}
