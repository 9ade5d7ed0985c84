//! One event: the `data` of a frame, or a row of the history.

use std::borrow::Cow;

use super::device_type::DeviceType;
use super::media::Media;
use super::time;
use crate::model::ids::fingerprint;
use crate::vendors::members::{BodyError, Members};

/// An event, each member as far as it is there. An empty text is as good as absent: the history sends those where a frame sends none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event<'a> {
    /// The event as it was sent.
    pub json: &'a str,
    /// `eventId`: the same in a frame and in the history.
    pub event_id: Option<Cow<'a, str>>,
    /// `eventUuid`, which events of cameras have.
    pub event_uuid: Option<Cow<'a, str>>,
    /// `eventTimestamp`, seconds since 1970.
    pub timestamp: Option<i64>,
    /// `eventCid`: what happened. A number as far as was seen.
    pub cid: Option<Cow<'a, str>>,
    /// `zoneCid`: of which zone, or in which sense.
    pub zone_cid: Option<Cow<'a, str>>,
    /// `eventType`: `activity`, `alarm`, `alarmCancel`, `error` …
    pub event_type: Option<Cow<'a, str>>,
    /// `sid`: the system.
    pub sid: Option<Cow<'a, str>>,
    /// `info`: what happened, for people.
    pub info: Option<Cow<'a, str>>,
    /// `pinName`: whose PIN was used.
    pub pin_name: Option<Cow<'a, str>>,
    /// `sensorName`.
    pub sensor_name: Option<Cow<'a, str>>,
    /// `sensorSerial`: the device; of a camera the end of its uuid.
    pub sensor_serial: Option<Cow<'a, str>>,
    /// `sensorType`: what the device is.
    pub sensor_type: Option<DeviceType>,
    /// `messageSubject`: what happened, as the heading of a mail.
    pub message_subject: Option<Cow<'a, str>>,
    /// `messageBody`: the mail; it has the home's address in it.
    pub message_body: Option<Cow<'a, str>>,
    /// `account`: the base station's number.
    pub account: Option<Cow<'a, str>>,
    /// `userId`: to whom the system belongs.
    pub user_id: Option<Cow<'a, str>>,
    /// `locationOffset`: the home's distance from UTC, in minutes.
    pub location_offset: Option<i64>,
    /// `internal.mainCamera`: the uuid of the camera that it is about.
    pub main_camera: Option<Cow<'a, str>>,
    /// `videoStartedBy`: the uuid of the camera whose recording comes with it.
    pub video_started_by: Option<Cow<'a, str>>,
    /// `video`: recordings by camera; see [`media`](Self::media).
    pub video: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// Reads an event.
    ///
    /// # Errors
    /// [`BodyError`] for what is no object. An object is an event, whatever is in it.
    pub fn read(json: &'a str) -> Result<Self, BodyError> {
        let members = Members::of(json)?;
        let text = |name| members.text(name);
        Ok(Self {
            json,
            event_id: text("eventId"),
            event_uuid: text("eventUuid"),
            timestamp: members.number("eventTimestamp"),
            cid: text("eventCid"),
            zone_cid: text("zoneCid"),
            event_type: text("eventType"),
            sid: text("sid"),
            info: text("info"),
            pin_name: text("pinName"),
            sensor_name: text("sensorName"),
            sensor_serial: text("sensorSerial"),
            sensor_type: members.number("sensorType").map(DeviceType),
            message_subject: text("messageSubject"),
            message_body: text("messageBody"),
            account: text("account"),
            user_id: text("userId"),
            location_offset: members.number("locationOffset"),
            main_camera: members.object("internal").text("mainCamera"),
            video_started_by: text("videoStartedBy"),
            video: members.json("video").filter(|json| json.starts_with('{')),
        })
    }

    /// What tells this occurrence from all others, the same in a frame and in the history; `envelope` is the frame's own id, empty for a row.
    ///
    /// That is the `eventId`, which a frame repeats as `id:<event id>`. Else it is the `eventUuid`, else `~` and a hash of what the event says. A 0 is no id:
    /// two such events would be taken for one.
    #[must_use]
    pub fn id(&self, envelope: &str) -> Cow<'a, str> {
        let told = |id: &&Cow<'a, str>| **id != "0";
        if let Some(id) = self.event_id.as_ref().filter(told) {
            return id.clone();
        }
        let repeated = envelope.strip_prefix("id:").filter(|id| !id.is_empty() && *id != "0");
        if let Some(id) = repeated {
            return Cow::Owned(id.to_owned());
        }
        if let Some(id) = self.event_uuid.as_ref().filter(told) {
            return id.clone();
        }
        let timestamp = self.timestamp.map(|seconds| Cow::Owned(seconds.to_string()));
        let said = [&self.sid, &timestamp, &self.cid, &self.zone_cid, &self.sensor_serial, &self.info];
        let said = said.map(|text| text.as_deref().unwrap_or_default()).join("\n");
        Cow::Owned(format!("~{:032x}", fingerprint(&said)))
    }

    /// `eventId` as a number, by which events of one second are in order.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        self.event_id.as_ref()?.trim().parse().ok()
    }

    /// When it happened, as RFC 3339.
    #[must_use]
    pub fn time(&self) -> Option<String> {
        time::text(self.timestamp?)
    }

    /// The links to its pictures and recordings; `None` where it has none.
    #[must_use]
    pub fn media(&self) -> Option<Media<'a>> {
        Media::read(self.video?, self.video_started_by.as_deref())
    }

    /// Whether a word stands in `eventType`.
    pub(in crate::vendors::simplisafe) fn is_of_type(&self, word: &str) -> bool {
        self.event_type.as_ref().is_some_and(|kind| kind.eq_ignore_ascii_case(word))
    }
}
