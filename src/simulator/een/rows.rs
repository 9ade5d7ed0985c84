//! Accounts, devices and users as REST shows them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    faults::FaultKind,
    hub::Core,
    stamp,
    status::{Overall, Reading, says_nothing, word64},
    world::{Device, Place},
};
use crate::simulator::common::rng::Rng;

impl Core {
    /// 21 elements.
    pub(super) fn account_row(&self, place: Place) -> Value {
        let entity = &self.world.entities[place];
        let Some(account) = self.world.account(place) else {
            return Value::Null;
        };
        let attached = || {
            account
                .devices
                .iter()
                .filter_map(|place| self.world.device(*place))
                .filter(|device| device.service == "ATTD")
        };
        let count = |bridges: bool, is: fn(&Device) -> bool| {
            attached().filter(|device| device.is_bridge() == bridges && is(device)).count()
        };
        let online = |device: &Device| Reading::of_legacy(device.is_bridge(), device.said).overall == Overall::Online;
        let off = |device: &Device| Reading::of_legacy(false, device.said).overall == Overall::Off;
        let available = account.devices.len() - attached().count();
        let users = if place == self.world.root() { self.login.users.len() } else { 1 };
        json!([
            entity.esn.to_string(),
            entity.name,
            count(false, online),
            count(false, |_| true),
            users,
            u8::from(account.suspended),
            u8::from(account.inactive),
            u8::from(!account.suspended && !account.inactive),
            null,
            count(true, online),
            count(true, |_| true),
            count(true, |_| true),
            count(false, off),
            available,
            u8::from(!account.inactive),
            stamp::text(stamp::now() - stamp::DAY),
            14,
            format!("customer-{}", entity.esn),
            count(false, |device| says_nothing(device.legacy)),
            { "is_sso_enabled": 0, "timezone": "US/Central", "feature_flags": [] },
            "A@GFIMLNQSUTYZcedgfhmpqsutvz",
        ])
    }

    /// 27, 28 or 29 elements, as they were observed; of a bridge 26 or 27.
    pub(super) fn device_row(&self, account: Place, place: Place) -> Value {
        let entity = &self.world.entities[place];
        let Some(device) = self.world.device(place) else {
            return Value::Null;
        };
        let shared = device.account != account;
        let unattached = device.service == "IGND";
        let owner = &self.world.entities[device.account];
        let mut rng = Rng::new(u64::from(entity.esn.0));
        let neighbours: Vec<Value> = match device.bridge {
            _ if device.is_bridge() => self.cameras_of(device.account, place),
            Some(bridge) => vec![json!([self.world.entities[bridge].esn.to_string(), "ATTD"])],
            None => Vec::new(),
        };
        let serial = if device.is_bridge() { json!(format!("EEN-BR305-{}", rng.below(99999))) } else { json!(null) };
        let mut row = vec![
            if unattached { json!(null) } else { json!(owner.esn.to_string()) },
            json!(entity.esn.to_string()),
            json!(entity.name),
            json!(if device.is_bridge() { "bridge" } else { "camera" }),
            json!(neighbours),
            json!(device.service),
            json!(if shared { "R" } else { "A@FIMLNSUTZcgfhmpsruwz" }),
            json!([]),
            json!(rng.guid()),
            serial,
            json!(device.legacy),
            json!("US/Central"),
            json!(-18000),
            json!(0),
            json!(format!("*10.143.{}.{},169.254.12.1", rng.below(256), rng.below(256))),
            json!(u8::from(shared)),
            json!(owner.name),
            json!(false),
            json!(null),
            json!(null),
            json!([null, null, null, null, "", null, ""]),
            json!(null),
            json!(null),
            json!(0),
            json!([]),
            json!(0),
            json!({}),
        ];
        let unknown = self.switches.on(FaultKind::UnknownMembers);
        match place % 3 {
            _ if device.is_bridge() => row.truncate(26 + place % 2),
            0 => {}
            1 => row.push(json!("")),
            _ => {
                row.push(json!({ "created_at": null, "connect": if unattached { "IGND" } else { "NONE" } }));
                row.push(json!({}));
            }
        }
        if unknown {
            row.push(json!({ "future": [1, null] }));
        }
        Value::Array(row)
    }

    fn cameras_of(&self, account: Place, bridge: Place) -> Vec<Value> {
        let devices = self.world.account(account).map_or(&[][..], |account| &account.devices);
        devices
            .iter()
            .filter_map(|place| Some((place, self.world.device(*place)?)))
            .filter(|(_, device)| device.bridge == Some(bridge))
            .map(|(place, device)| json!([self.world.entities[*place].esn.to_string(), device.service]))
            .collect()
    }

    /// One device in full; its status is a text there.
    pub(super) fn device_object(&self, place: Place) -> Value {
        let entity = &self.world.entities[place];
        let Some(device) = self.world.device(place) else {
            return Value::Null;
        };
        let owner = &self.world.entities[device.account];
        let info = json!({
            "service": device.service,
            "connect": if device.real.streaming { "STRM" } else { "ATTD" },
            "status": device.legacy.to_string(),
            "status_hex": format!("{:08x}", device.legacy),
            "status_hex64": format!("{:016x}", word64(device.legacy, device.extended)),
            "register_id": Rng::new(u64::from(entity.esn.0)).next() as u32,
        });
        let mut object = json!({
            "id": entity.esn.to_string(),
            "name": entity.name,
            "account_id": owner.esn.to_string(),
            "type": if device.is_bridge() { "bridge" } else { "camera" },
            "timezone": "US/Central",
            "utc_offset": -18000,
        });
        object[if device.is_bridge() { "bridge_info" } else { "camera_info" }] = info;
        self.finish(object)
    }

    /// The user of a session; which account is active is the session's own.
    pub(super) fn user_row(&self, session: &Arc<str>) -> Value {
        let Some(state) = self.sessions.get(session) else {
            return Value::Null;
        };
        let user = &self.login.users[state.user];
        let root = &self.world.entities[self.world.root()];
        let (esn, master) = (user.esn.to_string(), u8::from(self.world.reseller));
        self.finish(json!({
            "id": esn,
            "user_id": esn,
            "first_name": "John",
            "last_name": "Doe",
            "email": if user.name.contains('@') { user.name.to_string() } else { format!("{}@example.com", user.name) },
            "owner_account_id": root.esn.to_string(),
            "active_account_id": self.world.entities[state.account].esn.to_string(),
            "is_master": master,
            "is_account_superuser": 1,
            "is_active": 1,
            "is_two_factor_authentication_enabled": u8::from(self.options.two_factor.is_some()),
            "inactive_session_timeout": self.options.inactive_life.map_or(15, |life| life.as_secs()),
            "timezone": "US/Pacific",
            "utc_offset": -25200,
            "camera_access": [],
            "is_branded": 1,
            "active_brand_subdomain": self.options.subdomain,
            "is_terms_noncompliant": 0,
        }))
    }

    fn finish(&self, mut object: Value) -> Value {
        if let (true, Some(members)) = (self.switches.on(FaultKind::UnknownMembers), object.as_object_mut()) {
            members.insert("future_settings".to_owned(), json!({ "beta": [null] }));
        }
        object
    }
}
