//! Logins by OAuth: codes with PKCE, refresh tokens, access tokens.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::{answer::Answer, faults::FaultKind, gateway::Asked, hub::Core, stamp, world::Place};
use crate::simulator::common::rng::Rng;

/// The app whose logins these are; public, and without a secret.
pub(super) const CLIENT_ID: &str = "42aBZ5lYrVW12jfOuu3CQROitwxg9sN5";
pub(super) const REDIRECT_URI: &str = "com.simplisafe.mobile://auth.simplisafe.com/ios/com.simplisafe.mobile/callback";
const SCOPE: &str = "openid email https://api.simplisafe.com/scopes/user:platform offline_access";

/// So many random bytes, as Base64 for URLs.
pub(super) fn random(rng: &mut Rng, bytes: usize) -> String {
    let random: Vec<u8> = std::iter::repeat_with(|| rng.next().to_be_bytes()).flatten().take(bytes).collect();
    URL_SAFE_NO_PAD.encode(random)
}

struct Access {
    user: Place,
    until: Instant,
}

struct Refresh {
    user: Place,
    spent: bool,
}

struct Grant {
    user: Place,
    challenge: String,
    until: Instant,
}

/// What was given out.
#[derive(Default)]
pub(super) struct Tokens {
    access: HashMap<Arc<str>, Access>,
    refresh: HashMap<Arc<str>, Refresh>,
    codes: HashMap<String, Grant>,
}

impl Tokens {
    /// Whose access token this is, while it is valid.
    pub(super) fn user(&self, token: &str) -> Option<Place> {
        let access = self.access.get(token)?;
        (access.until > Instant::now()).then_some(access.user)
    }

    /// Ends all access tokens, and says how many were valid.
    pub(super) fn expire(&mut self) -> usize {
        let now = Instant::now();
        let valid = self.access.values().filter(|access| access.until > now).count();
        self.access.clear();
        valid
    }

    /// As when a user's password is changed.
    pub(super) fn revoke(&mut self, user: Place) {
        self.access.retain(|_, access| access.user != user);
        self.refresh.retain(|_, refresh| refresh.user != user);
    }

    pub(super) fn add_refresh(&mut self, token: Arc<str>, user: Place) {
        self.refresh.insert(token, Refresh { user, spent: false });
    }

    /// Refresh tokens that are good for a refresh.
    pub(super) fn good(&self, user: Place) -> Vec<Arc<str>> {
        let good = self.refresh.iter().filter(|(_, refresh)| refresh.user == user && !refresh.spent);
        good.map(|(token, _)| token.clone()).collect()
    }

    /// Forgets what nobody can use any more.
    pub(super) fn sweep(&mut self, now: Instant) {
        self.access.retain(|_, access| access.until > now);
        self.codes.retain(|_, grant| grant.until > now);
    }
}

/// An error as the real server writes it (a capture of a live account, 2026).
fn invalid_grant(description: &str) -> Answer {
    Answer::json(403, json!({ "error": "invalid_grant", "error_description": description }))
}

impl Core {
    /// The page to log in at, for a browser whose user has just done so: it goes on to the app, with a code.
    pub(super) fn authorize(&mut self, asked: &Asked) -> Answer {
        let field = |name: &str| asked.query(name).unwrap_or_default();
        let wrong = |what: &str| {
            let description = format!("wrong or missing parameter: {what}");
            Answer::json(400, json!({ "error": "invalid_request", "error_description": description }))
        };
        let expected = [
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("redirect_uri", REDIRECT_URI),
            ("code_challenge_method", "S256"),
            ("audience", "https://api.simplisafe.com/"),
        ];
        if let Some((name, _)) = expected.iter().find(|(name, value)| field(name) != *value) {
            return wrong(name);
        }
        let challenge = field("code_challenge");
        // SHA-256 in Base64 without padding.
        if URL_SAFE_NO_PAD.decode(challenge).map_or(0, |hash| hash.len()) != 32 {
            return wrong("code_challenge");
        }
        if !field("scope").split(' ').any(|scope| scope == "offline_access") {
            return wrong("scope");
        }
        let code = self.mint_code(0, challenge);
        let mut location = format!("{REDIRECT_URI}?code={code}");
        if let Some(state) = asked.query("state") {
            location.push_str(&format!("&state={state}"));
        }
        Answer::moved(location)
    }

    pub(super) fn mint_code(&mut self, user: Place, challenge: &str) -> String {
        let code = random(&mut self.world.rng, 33);
        let until = Instant::now() + self.options.code_life;
        self.tokens.codes.insert(code.clone(), Grant { user, challenge: challenge.to_owned(), until });
        code
    }

    /// `POST /oauth/token`.
    pub(super) fn token(&mut self, asked: &Asked) -> Answer {
        if let Some(status) = self.switches.refuse(FaultKind::Token) {
            return match status {
                401 | 403 => Answer::json(
                    status,
                    json!({ "error": "invalid_grant", "error_description": "Unknown or invalid refresh token." }),
                ),
                _ => Answer::failure(status),
            };
        }
        if let Some(status) = self.switches.refuse(FaultKind::TokenString) {
            return Answer::json(status, json!("Unauthorized"));
        }
        let Some(body) = &asked.body else {
            return Answer::json(400, json!({ "error": "invalid_request", "error_description": "JSON is expected" }));
        };
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        if text("client_id") != CLIENT_ID {
            return Answer::json(401, json!({ "error": "invalid_client", "error_description": "Unknown client" }));
        }
        match text("grant_type").as_str() {
            "authorization_code" => self.by_code(&text("code"), &text("code_verifier"), &text("redirect_uri")),
            "refresh_token" => self.by_refresh(&text("refresh_token")),
            _ => Answer::json(
                403,
                json!({ "error": "unsupported_grant_type", "error_description": "Unsupported grant type" }),
            ),
        }
    }

    fn by_code(&mut self, code: &str, verifier: &str, redirect_uri: &str) -> Answer {
        // A code is good for one try, right or wrong.
        let grant = self.tokens.codes.remove(code).filter(|grant| grant.until > Instant::now());
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        let Some(grant) = grant.filter(|grant| grant.challenge == hash && redirect_uri == REDIRECT_URI) else {
            return invalid_grant("Invalid authorization code");
        };
        let refresh = self.new_refresh(grant.user);
        self.grant(grant.user, Some(refresh))
    }

    fn by_refresh(&mut self, token: &str) -> Answer {
        let refuse = || invalid_grant("Unknown or invalid refresh token.");
        let Some((user, spent)) = self.tokens.refresh.get(token).map(|known| (known.user, known.spent)) else {
            return refuse();
        };
        let one_use = self.switches.on(FaultKind::OneUse);
        if spent {
            self.counters.reused += 1;
            if self.switches.on(FaultKind::ReuseKills) {
                self.tokens.revoke(user);
            }
            return refuse();
        }
        let next = if one_use || self.switches.on(FaultKind::Rotate) {
            Some(self.new_refresh(user))
        } else {
            self.switches.on(FaultKind::SameToken).then(|| token.into())
        };
        if let Some(known) = self.tokens.refresh.get_mut(token).filter(|_| one_use) {
            known.spent = true;
        }
        self.counters.refreshes += 1;
        let mut answer = self.grant(user, next);
        let every = self.switches.count(FaultKind::TokenLost);
        answer.lost = every.is_some_and(|every| self.counters.refreshes.is_multiple_of(every.max(1) as u64));
        answer
    }

    fn new_refresh(&mut self, user: Place) -> Arc<str> {
        let token: Arc<str> = format!("v1.{}", random(&mut self.world.rng, 32)).into();
        self.tokens.add_refresh(token.clone(), user);
        token
    }

    /// A new access token for a user.
    pub(super) fn new_access(&mut self, user: Place) -> Arc<str> {
        let (uid, now, life) = (self.world.users[user].uid, stamp::now(), self.options.token_life);
        let claims = json!({
            "http://simplisafe.com/uid": uid,
            "iss": "https://auth.simplisafe.com/",
            "sub": format!("auth0|ss-users|{uid}"),
            "aud": ["https://api.simplisafe.com/", "https://simplisafe.auth0.com/userinfo"],
            "iat": now,
            "exp": now + seconds(life),
            "azp": CLIENT_ID,
            "scope": SCOPE,
        });
        let head = json!({ "alg": "RS256", "typ": "JWT", "kid": "simulated" });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        // Nobody but the server can check the signature; this one looks up what it gave out.
        let token = format!("{}.{}.{}", part(&head), part(&claims), random(&mut self.world.rng, 64));
        let token: Arc<str> = token.into();
        self.tokens.access.insert(token.clone(), Access { user, until: Instant::now() + life });
        token
    }

    fn grant(&mut self, user: Place, refresh_token: Option<Arc<str>>) -> Answer {
        let access = self.new_access(user);
        let mut body = json!({
            "access_token": &*access,
            "id_token": random(&mut self.world.rng, 24),
            "scope": SCOPE,
            "expires_in": seconds(self.options.token_life),
            "token_type": "Bearer",
        });
        if let Some(token) = refresh_token {
            body["refresh_token"] = json!(&*token);
        }
        Answer::json(200, body)
    }
}

fn seconds(life: Duration) -> i64 {
    i64::try_from(life.as_secs()).unwrap_or(i64::MAX)
}
