//! Subscriptions, sensors, settings, locks and events as the API writes them, after simplipy's fixtures.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::{
    codes::{Alarm, Bolt},
    faults::FaultKind,
    hub::Core,
    stamp::{self, Seconds},
    world::{Camera, Part, Place, Sensor, System, kind},
};

/// Codes to disarm with, which no client may keep or show. No real one is so long, so that it is found wherever it turns up.
pub(super) const PINS: [&str; 3] = ["PIN-7391-master", "PIN-2846-duress", "PIN-5062-user"];

/// When the base station of simplipy's fixture told something last.
const FROZEN: Seconds = 1_534_626_358;

impl Core {
    pub(super) fn subscriptions(&self, user: Place) -> Value {
        let own = self.world.systems.iter().filter(|system| system.user == user);
        let mut rows: Vec<Value> = own.map(|system| self.subscription(system)).collect();
        if self.switches.on(FaultKind::OddRows) {
            let uid = self.world.users[user].uid;
            rows.insert(0, json!({ "uid": uid, "sid": 900_001, "sStatus": 10, "status": { "hasBaseStation": false }, "location": {} }));
            rows.push(json!({ "uid": uid, "sid": 900_002, "sStatus": 20, "status": { "hasBaseStation": true }, "location": { "sid": 900_002 } }));
            rows.push(json!({ "uid": uid, "sid": 900_003, "sStatus": 20, "status": { "hasBaseStation": true }, "location": { "system": null } }));
        }
        json!({ "subscriptions": rows })
    }

    pub(super) fn subscription(&self, system: &System) -> Value {
        let uid = self.world.users[system.user].uid;
        let cameras: Vec<Value> = system.cameras.iter().map(|camera| self.camera(camera, system.sid, uid)).collect();
        let remaining = system.countdown.map_or(0, |until| until.saturating_duration_since(Instant::now()).as_secs());
        let mut inner = json!({
            "serial": system.account,
            "alarmState": self.alarm_word(system),
            "alarmStateTimestamp": system.alarm_since,
            "isAlarming": system.alarm == Alarm::Alarming,
            "version": 3,
            "capabilities": { "setWifiOverCell": true, "setDoorbellChimeVolume": true, "outdoorBattCamera": true },
            "temperature": system.temperature,
            "exitDelayRemaining": remaining,
            "connType": if system.wifi { "wifi" } else { "cell" },
            "stateUpdated": system.alarm_since,
            "messages": if system.mains { json!([]) } else { message(system) },
            "powerOutage": !system.mains,
            "lastPowerOutage": system.last_outage,
            "lastSuccessfulWifiTS": if system.wifi { stamp::now() } else { system.last_wifi },
            "isOffline": system.offline,
            "cameras": cameras,
        });
        if self.switches.on(FaultKind::NoAlarmState)
            && let Some(members) = inner.as_object_mut()
        {
            members.remove("alarmState");
        }
        let mut row = json!({
            "uid": uid,
            "sid": system.sid,
            "sStatus": 20,
            "activated": 1_445_034_752,
            "planSku": "SSEDSM2",
            "planName": "Interactive Monitoring",
            "status": { "hasBaseStation": true, "isActive": true, "monitoring": "Active" },
            "subscriptionFeatures": {
                "timeline": { "maxAge": self.options.timeline.as_secs(), "maxAgeISO": format!("PT{}H", self.options.timeline.as_secs() / 3600) }
            },
            "location": {
                "sid": system.sid,
                "uid": uid,
                "account": system.account,
                "street1": system.street,
                "locationOffset": -360,
                "timeZone": 2,
                "system": inner,
            },
        });
        self.add_unknown(&mut row);
        row
    }

    fn alarm_word(&self, system: &System) -> &'static str {
        if self.switches.on(FaultKind::OddAlarmState) {
            return "NIGHT_WATCH";
        }
        let exit = self.switches.on(FaultKind::ExitDelayWord);
        match system.alarm {
            Alarm::Off => "OFF",
            Alarm::ExitHome | Alarm::ExitAway if exit => "EXIT_DELAY",
            Alarm::ExitHome => "HOME_COUNT",
            Alarm::ExitAway => "AWAY_COUNT",
            Alarm::Home => "HOME",
            Alarm::Away => "AWAY",
            Alarm::Entry if self.switches.on(FaultKind::AlarmCount) => "ALARM_COUNT",
            Alarm::Entry => "ENTRY_DELAY",
            Alarm::Alarming => "ALARM",
        }
    }

    fn camera(&self, camera: &Camera, sid: u64, uid: u64) -> Value {
        json!({
            "model": camera.model,
            "uuid": camera.uuid,
            "serial": camera.serial,
            "uid": uid,
            "sid": sid,
            "cameraSettings": {
                "cameraName": camera.name,
                "shutterHome": "closedAlarmOnly",
                "shutterAway": "open",
                "shutterOff": "closedAlarmOnly",
                "privacyEnable": false,
                "pirEnable": true,
            },
            "supportedFeatures": {
                "providers": { "webrtc": "none", "recording": "simplisafe", "live": "simplisafe" },
                "audioEncodings": ["speex"],
                "resolutions": ["480p", "720p"],
                "pir": true,
                "privacyShutter": true,
                "microphone": true,
                "wired": camera.kind != kind::OUTDOOR_CAMERA,
                "videoEncoding": "h264",
            },
            "subscription": { "enabled": true, "planSku": "SSVM1", "storageDays": 30, "trialUsed": true, "trialActive": false },
            "status": if camera.online { "online" } else { "offline" },
        })
    }

    /// The sensors as the cloud has them, or as the base station says.
    pub(super) fn sensors(&mut self, place: Place, forced: bool) -> Value {
        let live = forced || !self.switches.on(FaultKind::CacheLag);
        let system = &mut self.world.systems[place];
        if live {
            system.sync();
        }
        let (account, at) = (system.account.clone(), system.cached.at);
        let status = if self.switches.on(FaultKind::StatusFrozen) { FROZEN } else { at };
        let mut rows: Vec<Value> = self.world.systems[place].cached.sensors.iter().map(sensor).collect();
        for row in &mut rows {
            self.add_unknown(row);
        }
        if self.switches.on(FaultKind::OddRows) {
            rows.insert(0, json!({ "type": 21, "serial": "odd00001", "name": "Indoor Camera" }));
            rows.push(json!({ "type": 24, "serial": "odd00002", "name": "Combo", "setting": null, "status": null, "flags": null }));
            rows.push(json!({ "type": 5, "serial": "odd00003", "status": { "triggered": "maybe" }, "flags": { "offline": 1 } }));
            rows.push(json!({ "type": "wood", "serial": "odd00004", "name": 7, "status": [], "flags": {} }));
        }
        json!({ "account": account, "success": true, "sensors": rows, "lastUpdated": at, "lastSynced": at, "lastStatusUpdate": status })
    }

    pub(super) fn settings(&self, place: Place) -> Value {
        let system = &self.world.systems[place];
        let updated = stamp::iso(system.cached.at);
        let exit = self.options.exit_delay.as_secs();
        let entry = self.options.entry_delay.as_secs();
        let [master, duress, user] = PINS;
        let mut users = vec![json!({ "name": "Guest", "pin": user })];
        users.resize(4, json!({ "name": "", "pin": "" }));
        let mut settings = json!({
            "account": system.account,
            "settings": {
                "normal": {
                    "wifiSSID": "MY_WIFI", "alarmDuration": 240, "alarmVolume": 3, "doorChime": 2,
                    "entryDelayAway": entry, "entryDelayAway2": entry, "entryDelayHome": entry, "entryDelayHome2": entry,
                    "exitDelayAway": exit, "exitDelayAway2": exit, "exitDelayHome": exit, "exitDelayHome2": exit,
                    "lastUpdated": updated, "light": true, "voicePrompts": 2, "_id": "1197192618725121765212",
                },
                "pins": { "lastUpdated": updated, "_id": "1197192618725121765213", "master": { "pin": master }, "duress": { "pin": duress }, "users": users },
            },
            "basestationStatus": {
                "lastUpdated": updated,
                "rfJamming": system.jammed,
                "ethernetStatus": 4,
                "gsmRssi": -73,
                "gsmStatus": 3,
                "backupBattery": 5293,
                "wallPower": if system.mains { 5933 } else { 0 },
                "wifiRssi": -49,
                "wifiStatus": i32::from(system.wifi),
                "_id": "6128153715231t237123",
                "encryptionErrors": [],
            },
            "lastUpdated": system.cached.at,
        });
        self.add_unknown(&mut settings);
        settings
    }

    /// The door locks in the form of homebridge-simplisafe3's list.
    pub(super) fn locks(&self, place: Place) -> Value {
        let locks = self.world.systems[place].sensors.iter().filter(|sensor| sensor.kind == kind::LOCK);
        locks.map(sensor).collect()
    }

    pub(super) fn add_unknown(&self, row: &mut Value) {
        if self.switches.on(FaultKind::UnknownMembers)
            && let Some(members) = row.as_object_mut()
        {
            members.insert("featureFlags".to_owned(), json!({ "beta": [null, { "ring": 3 }] }));
            members.insert("x".to_owned(), json!(1.5e3));
        }
    }

    /// An event as the history has it.
    pub(super) fn event_row(&mut self, place: Place, event: Written<'_>) -> Value {
        let user = self.world.systems[place].user;
        let uid = self.world.users[user].uid;
        let video = event.part.filter(|_| event.clip).and_then(|part| self.video(place, part, event.id, event.time));
        let system = &self.world.systems[place];
        let (sensor_type, serial, name) = match event.part {
            Some(Part::Sensor(place)) => {
                let sensor = &system.sensors[place];
                (sensor.kind, sensor.serial.as_str(), sensor.name.as_str())
            }
            Some(Part::Camera(place)) => {
                let camera = &system.cameras[place];
                (camera.kind, camera.serial.as_str(), camera.name.as_str())
            }
            None => (0, "", ""),
        };
        let (started_by, video) = video.unwrap_or_else(|| (String::new(), json!({})));
        json!({
            "eventId": event.id,
            "eventTimestamp": event.time,
            "eventCid": event.cid,
            "zoneCid": event.zone,
            "sensorType": sensor_type,
            "sensorSerial": serial,
            "account": system.account,
            "userId": uid,
            "sid": system.sid,
            "info": event.info,
            "pinName": event.pin,
            "sensorName": name,
            "messageSubject": format!("SimpliSafe {}", event.info),
            "messageBody": format!("{} at {}", event.info, system.street),
            "eventType": event.event_type,
            "timezone": 2,
            "locationOffset": -360,
            "videoStartedBy": started_by,
            "video": video,
        })
    }

    /// An event as it is pushed.
    pub(super) fn push_data(&self, row: &Value) -> Value {
        let mut data = row.as_object().cloned().unwrap_or_default();
        let camera = data.get("videoStartedBy").is_some_and(|by| by != "");
        if !camera && !self.switches.on(FaultKind::EmptyVideo) {
            data.remove("videoStartedBy");
            data.remove("video");
        }
        let more = json!({
            "internal": { "dispatcher": "my_dispatcher" },
            "senderId": if camera { "" } else { "wifi" },
            "serviceFeatures": {
                "monitoring": true, "alerts": true, "online": true, "hazard": true, "video": true, "cameras": 10, "dispatch": true,
                "proInstall": false, "discount": 0, "vipCS": false, "medical": true, "careVisit": false, "storageDays": 30,
            },
            "copsVideoOptIn": false,
        });
        data.extend(members(more));
        if camera {
            let id = data.get("eventId").map(Value::to_string).unwrap_or_default();
            data.insert("eventUuid".to_owned(), json!(format!("uuid-{id}")));
        } else {
            data.insert("openCount".to_owned(), json!(0));
        }
        let mut data = Value::Object(data);
        self.add_unknown(&mut data);
        data
    }
}

/// What is said of an event.
pub(super) struct Written<'a> {
    pub(super) id: u64,
    pub(super) time: Seconds,
    pub(super) cid: i64,
    pub(super) part: Option<Part>,
    pub(super) info: &'a str,
    pub(super) event_type: &'a str,
    pub(super) zone: &'a str,
    pub(super) pin: &'a str,
    pub(super) clip: bool,
}

/// An envelope around an event, or around nothing.
pub(super) fn envelope(id: &str, source: &str, kind: &str, time: Seconds, data: Option<Value>) -> String {
    let mut envelope = json!({
        "datacontenttype": "application/json",
        "id": id,
        "source": source,
        "specversion": "1.0",
        "time": stamp::iso(time),
        "type": format!("com.simplisafe.{kind}"),
    });
    if let Some(data) = data {
        envelope["data"] = data;
    }
    envelope.to_string()
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn message(system: &System) -> Value {
    json!([{
        "_id": format!("{:024x}", system.last_outage),
        "id": format!("{:024x}", system.last_outage),
        "textTemplate": "Power Outage - Backup battery in use.",
        "data": { "time": stamp::iso(system.last_outage) },
        "text": "Power Outage - Backup battery in use.",
        "code": "2000",
        "filters": [],
        "link": "http://link.to.info",
        "linkLabel": "More Info",
        "expiration": 0,
        "category": "error",
        "timestamp": system.last_outage,
    }])
}

/// Whether the API tells of a type that it is triggered. Of motion and glass it does not.
pub(super) fn has_trigger(of: i64) -> bool {
    matches!(
        of,
        kind::ENTRY | kind::SMOKE | kind::CARBON_MONOXIDE | kind::LEAK | kind::TEMPERATURE | kind::SMOKE_AND_CO
    )
}

/// Whether the API tells of a type that its case is open.
pub(super) fn has_tamper(of: i64) -> bool {
    matches!(of, kind::SMOKE | kind::CARBON_MONOXIDE | kind::SMOKE_AND_CO)
}

fn sensor(sensor: &Sensor) -> Value {
    let status = match sensor.kind {
        kind::ENTRY | kind::LEAK => json!({ "triggered": sensor.triggered }),
        kind::SMOKE | kind::CARBON_MONOXIDE => json!({
            "test": false, "tamper": sensor.tampered, "malfunction": sensor.malfunction, "triggered": sensor.triggered,
        }),
        kind::TEMPERATURE => json!({ "temperature": sensor.temperature, "triggered": sensor.triggered }),
        kind::SMOKE_AND_CO => json!({
            "coTriggered": false, "malfunction": sensor.malfunction, "tamper": sensor.tampered, "lowSensitivity": false,
            "endOfLife": false, "test": false, "smokeTriggered": sensor.triggered, "preSmokeAlarm": sensor.suspicious,
        }),
        kind::LOCK => json!({
            "pinPadState": 0, "lockState": if sensor.bolt == Bolt::Unlocked { 2 } else { 1 }, "pinPadOffline": false,
            "pinPadLowBattery": false, "lockDisabled": false, "lockLowBattery": sensor.low_battery, "calibrationErrDelta": 0,
            "calibrationErrZero": 0, "lockJamState": i32::from(sensor.bolt == Bolt::Jammed),
        }),
        _ => json!({}),
    };
    let setting = match sensor.kind {
        kind::ENTRY | kind::MOTION | kind::GLASS_BREAK => {
            json!({ "instantTrigger": false, "away2": 1, "away": 1, "home2": 1, "home": 1, "off": 0 })
        }
        kind::SIREN => json!({ "alarmVolume": 3, "doorChime": 0, "exitBeeps": 0, "entryBeeps": 2 }),
        kind::TEMPERATURE => json!({ "highTemp": 95, "lowTemp": 41, "alarm": 1 }),
        kind::LOCK => json!({ "autoLock": 3, "away": 1, "home": 1, "awayToOff": 0, "homeToOff": 1 }),
        _ => json!({}),
    };
    let mut row = json!({
        "type": sensor.kind,
        "serial": sensor.serial,
        "name": sensor.name,
        "setting": setting,
        "status": status,
        "flags": { "swingerShutdown": false, "lowBattery": sensor.low_battery, "offline": sensor.offline },
    });
    if matches!(sensor.kind, kind::LOCK | kind::PIN_PAD) {
        row["deviceGroupID"] = json!(1);
    }
    row
}
