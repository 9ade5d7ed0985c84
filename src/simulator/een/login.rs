//! Logins: one step with a password, one more with a code that is sent, and one that gives the session.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use uuid::Uuid;

use super::{codes::Code, esn::Esn, faults::FaultKind, gateway::Answer, hub::Core, request::Asked, world::World};

/// After so many wrong codes the next one locks the user out, as documented.
const WRONG_CODES: u32 = 3;

pub(super) struct User {
    pub(super) esn: Esn,
    pub(super) name: Arc<str>,
    pub(super) password: String,
    /// Only support staff can undo this.
    pub(super) locked: bool,
    wrong_codes: u32,
    wrong_passwords: u32,
    /// The values of `tfa_key` that let this user in with one step.
    known_devices: Vec<String>,
    /// When its last requests came, for the rate limit.
    recent: VecDeque<Instant>,
}

struct Token {
    user: usize,
    issued: Instant,
    /// With two factors: whether the code was sent.
    code: Option<bool>,
}

#[derive(Default)]
pub(super) struct Login {
    pub(super) users: Vec<User>,
    tokens: HashMap<String, Token>,
    /// Requests of nobody.
    recent: VecDeque<Instant>,
}

impl Login {
    pub(super) fn add_user(&mut self, world: &mut World, name: &str, password: &str) {
        let esn = world.add_user(name);
        self.users.push(User {
            esn,
            name: name.into(),
            password: password.to_owned(),
            locked: false,
            wrong_codes: 0,
            wrong_passwords: 0,
            known_devices: Vec::new(),
            recent: VecDeque::new(),
        });
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.users.iter().position(|user| &*user.name == name)
    }

    /// Who sends a request that belongs to no session.
    pub(super) fn user_of(&self, asked: &Asked) -> Option<usize> {
        let by_token = || self.tokens.get(asked.field("token")?).map(|token| token.user);
        asked.field("username").and_then(|name| self.find(name)).or_else(by_token)
    }

    /// Counts a request; false when there were too many in the last second.
    pub(super) fn admit(&mut self, user: Option<usize>, limit: usize) -> bool {
        let recent = user.and_then(|user| self.users.get_mut(user)).map_or(&mut self.recent, |user| &mut user.recent);
        let now = Instant::now();
        while recent.front().is_some_and(|earlier| now.saturating_duration_since(*earlier) >= Duration::from_secs(1)) {
            recent.pop_front();
        }
        let admitted = recent.len() < limit;
        if admitted {
            recent.push_back(now);
        }
        admitted
    }

    fn issue(&mut self, user: usize, two_factors: bool) -> String {
        let token = STANDARD.encode([Uuid::new_v4(), Uuid::new_v4()].map(|uuid| uuid.into_bytes()).concat());
        self.tokens.insert(token.clone(), Token { user, issued: Instant::now(), code: two_factors.then_some(false) });
        token
    }
}

impl Core {
    /// The first step. Statuses are in the documented order of precedence.
    pub(super) fn authenticate(&mut self, asked: &Asked) -> Answer {
        let (Some(name), Some(password)) = (asked.field("username"), asked.field("password")) else {
            return Answer::failure(400);
        };
        let known = self.login.find(name);
        let Some(user) = known.filter(|user| self.login.users[*user].password == password) else {
            self.wrong_password(known);
            return Answer::failure(401);
        };
        if let Some(account) = self.world.account(self.world.root()) {
            if account.suspended {
                return Answer::failure(402);
            }
            if account.inactive {
                return Answer::failure(460);
            }
        }
        let state = &mut self.login.users[user];
        if state.locked {
            return Answer::failure(412);
        }
        state.wrong_passwords = 0;
        let known_device =
            asked.tfa_key.as_deref().is_some_and(|key| state.known_devices.iter().any(|known| known == key));
        let two_factors = self.options.two_factor.is_some() && !known_device;
        let token = self.login.issue(user, two_factors);
        let mut body = json!({ "token": token });
        if two_factors {
            let sms = if self.switches.on(FaultKind::TwoFactorNoSms) { "No sms phone found" } else { "*** *** 779" };
            body["two_factor_authentication_code"] = json!({ "sms": sms, "email": "***********@gmail.com" });
        }
        Answer::json(body)
    }

    fn wrong_password(&mut self, user: Option<usize>) {
        let Some(user) = user.and_then(|user| self.login.users.get_mut(user)) else {
            return;
        };
        user.wrong_passwords += 1;
        if self.options.login_attempts.is_some_and(|most| user.wrong_passwords >= most) {
            user.locked = true;
        }
    }

    /// The token that a request names, if it is still valid.
    fn token(&mut self, asked: &Asked) -> Option<String> {
        let [simple, two_factors] = [self.options.token_life, self.options.two_factor_life];
        self.login
            .tokens
            .retain(|_, token| token.issued.elapsed() < if token.code.is_some() { two_factors } else { simple });
        let token = asked.field("token")?;
        self.login.tokens.contains_key(token).then(|| token.to_owned())
    }

    /// The second step, with two factors: sends the code. It is always the one of the options.
    pub(super) fn send_code(&mut self, asked: &Asked) -> Answer {
        let (Some(_), Some(way)) = (asked.field("token"), asked.field("two_factor_authentication_type")) else {
            return Answer::failure(400);
        };
        let token = self.token(asked).and_then(|token| self.login.tokens.get_mut(&token));
        let Some(code) = token.and_then(|token| token.code.as_mut()) else {
            return Answer::failure(400);
        };
        match way {
            "sms" if self.switches.on(FaultKind::TwoFactorNoSms) => Answer::failure(412),
            "sms" | "email" => {
                *code = true;
                Answer::empty(200)
            }
            _ => Answer::failure(415),
        }
    }

    /// The last step: gives the session. A token is good for one.
    pub(super) fn authorize(&mut self, asked: &Asked) -> Answer {
        if asked.field("token").is_none() {
            return Answer::failure(400);
        }
        let Some(name) = self.token(asked) else {
            return Answer::failure(401);
        };
        let Some(Token { user, code, .. }) = self.login.tokens.get(&name) else {
            return Answer::failure(401);
        };
        let (user, code) = (*user, *code);
        let state = &mut self.login.users[user];
        if state.locked {
            return Answer::failure(429);
        }
        let mut tfa_key = None;
        if let Some(sent) = code {
            let given = asked.field("two_factor_authentication_code").filter(|_| sent);
            let Some(given) = given else {
                return Answer::failure(401);
            };
            if Some(given) != self.options.two_factor.as_deref() {
                state.wrong_codes += 1;
                state.locked = state.wrong_codes > WRONG_CODES;
                return Answer::failure(if state.locked { 429 } else { 406 });
            }
            state.wrong_codes = 0;
            let key = Uuid::new_v4().simple().to_string();
            state.known_devices.push(key.clone());
            tfa_key = Some(key);
        }
        let (esn, root) = (state.esn, self.world.root());
        self.login.tokens.remove(&name);
        let session = self.sessions.open(user, root);
        self.raise(root, Code::of(b"AELI"), 1, Some(esn));
        let mut answer = Answer::json(self.user_row(&session));
        if !self.switches.on(FaultKind::OldCookieOnly) {
            answer.cookies.push(("auth_key", session.to_string()));
        }
        if !self.switches.on(FaultKind::NewCookieOnly) {
            answer.cookies.push(("videobank_sessionid", session.to_string()));
        }
        answer.cookies.extend(tfa_key.map(|key| ("tfa_key", key)));
        answer
    }
}
