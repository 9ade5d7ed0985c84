//! What a session may ask for.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    codes::Code,
    faults::FaultKind,
    gateway::{Answer, Endpoint},
    hub::Core,
    request::Asked,
    world::Place,
};

/// Rows that no client should stumble over.
fn odd_rows() -> [Value; 6] {
    [
        json!([null, "1fffff01", "Short Row", "camera"]),
        json!([]),
        json!(null),
        json!({ "id": "1fffff02" }),
        json!([null, 536870659, null, null, null, null, null, null, null, null, "1441847"]),
        json!(vec![Value::Null; 29]),
    ]
}

impl Core {
    /// Answers what needs a session, which is valid.
    pub(super) fn rest(&mut self, endpoint: Endpoint, asked: &Asked, session: &Arc<str>) -> Answer {
        let Some(account) = self.sessions.get(session).map(|session| session.account) else {
            return Answer::failure(401);
        };
        match endpoint {
            Endpoint::IsAuth => Answer::json(json!(true)),
            Endpoint::User => Answer::json(self.user_row(session)),
            Endpoint::Switch => self.switch(asked, session),
            Endpoint::Logout => {
                self.raise_logout(session);
                self.end_session(session);
                Answer::empty(204)
            }
            Endpoint::Accounts => self.list_accounts(account),
            Endpoint::Devices => self.list_devices(account, asked),
            Endpoint::Device => self.one_device(account, asked),
            Endpoint::Authenticate | Endpoint::TwoFactor | Endpoint::Authorize => Answer::failure(404),
        }
    }

    fn raise_logout(&mut self, session: &str) {
        let user = self.sessions.get(session).map(|session| self.login.users[session.user].esn);
        let root = self.world.root();
        self.raise(root, Code::of(b"AELO"), 1, user);
    }

    /// Switches the session, and nothing but the session, to another account.
    fn switch(&mut self, asked: &Asked, session: &Arc<str>) -> Answer {
        if asked.body.is_none() {
            return Answer::failure(400);
        }
        let root = self.world.root();
        let wanted = match asked.field("account_id") {
            None | Some("") => Some(root),
            Some(id) => self.world.find(id),
        };
        let Some(wanted) = wanted else {
            return Answer::failure(404);
        };
        let Some(account) = self.world.account(wanted) else {
            return Answer::failure(404);
        };
        // What is answered for these two is not documented; a login into such an account has these statuses.
        if account.suspended {
            return Answer::failure(402);
        }
        if account.inactive {
            return Answer::failure(460);
        }
        let kills = self.switches.on(FaultKind::SwitchKills);
        let Some(state) = self.sessions.get_mut(session) else {
            return Answer::failure(401);
        };
        let switched = std::mem::replace(&mut state.account, wanted) != wanted;
        if switched && kills {
            let links = state.links.clone();
            links.into_iter().for_each(|link| self.deny(link, 412, "Auth lost"));
        }
        // Clients parse it as JSON; what it says is not documented.
        if self.switches.on(FaultKind::SwitchEmpty) { Answer::empty(200) } else { Answer::json(json!(true)) }
    }

    /// Only where the user is at home.
    fn list_accounts(&self, account: Place) -> Answer {
        if account != self.world.root() {
            return Answer::failure(403);
        }
        if self.switches.on(FaultKind::EmptyAccounts) {
            return Answer::json(json!([]));
        }
        let mut rows: Vec<Value> = self.world.living_accounts().map(|place| self.account_row(place)).collect();
        self.add_odd_rows(&mut rows);
        Answer::json(Value::Array(rows))
    }

    fn add_odd_rows(&self, rows: &mut Vec<Value>) {
        if self.switches.on(FaultKind::OddRows) {
            rows.splice(0..0, odd_rows());
        }
    }

    fn list_devices(&self, account: Place, asked: &Asked) -> Answer {
        let Some(own) = self.world.account(account) else {
            return Answer::failure(403);
        };
        let wanted = |name: &str| asked.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let filters = [("e", 1), ("n", 2), ("t", 3), ("s", 5)];
        let mut rows: Vec<Value> = own
            .devices
            .iter()
            .chain(&own.shared)
            .map(|place| self.device_row(account, *place))
            .filter(|row| {
                filters.iter().all(|(name, index)| wanted(name).is_none_or(|value| row[*index].as_str() == Some(value)))
            })
            .collect();
        if let Some(last) = rows.last_mut().filter(|_| self.switches.on(FaultKind::SpoiltRow)) {
            // Its id is gone.
            last[1] = Value::Null;
        }
        self.add_odd_rows(&mut rows);
        Answer::json(Value::Array(rows))
    }

    fn one_device(&self, account: Place, asked: &Asked) -> Answer {
        let Some(id) = asked.field("id") else {
            return Answer::failure(400);
        };
        let device = self.world.find(id).filter(|place| self.world.device(*place).is_some());
        match device {
            None => Answer::failure(404),
            Some(place) if !self.world.may_see(account, place) => Answer::failure(403),
            Some(place) => Answer::json(self.device_object(place)),
        }
    }
}
