//! The cameras of a system, and by which name each is known.

use std::borrow::Cow;

use super::event::Event;
use crate::vendors::members::Members;

/// Events name a camera by so many characters of its uuid, the last ones.
const SERIAL: usize = 8;
/// With fewer characters than this another camera might be meant: 7 were seen.
const LEAST: usize = 6;

/// A camera, as it stands in its system's subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Camera<'a> {
    /// Its id everywhere but in events.
    pub uuid: Cow<'a, str>,
    /// `SS001` and `SS003` are indoor cameras, `SS002` doorbells, `SSOBCM4` outdoor cameras (simplipy).
    pub model: Option<Cow<'a, str>>,
    /// What people call it.
    pub name: Option<Cow<'a, str>>,
    /// `status`: `online`, `offline`.
    pub status: Option<Cow<'a, str>>,
    /// Id, model, name and status as they were sent, as one object.
    pub told: String,
    serial: Option<Cow<'a, str>>,
}

impl<'a> Camera<'a> {
    pub(super) fn list(system: &Members<'a>) -> Vec<Self> {
        let rows = system.list("cameras").unwrap_or_default();
        rows.into_iter().filter_map(|row| Self::read(row.get())).collect()
    }

    fn read(json: &'a str) -> Option<Self> {
        let members = Members::only(json, &["uuid", "serial", "model", "status", "cameraSettings"]).ok()?;
        let mut told = String::from("{");
        members.write(&["uuid", "serial", "model", "status"], &mut told);
        let settings = members.object("cameraSettings");
        settings.write(&["cameraName"], &mut told);
        told.push('}');
        Some(Self {
            uuid: members.text("uuid")?,
            model: members.text("model"),
            name: settings.text("cameraName"),
            status: members.text("status"),
            serial: members.text("serial"),
            told,
        })
    }

    /// The same without what it was read from.
    #[must_use]
    pub fn into_owned(self) -> Camera<'static> {
        let own = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        let Self { uuid, model, name, status, told, serial } = self;
        Camera {
            uuid: own(uuid),
            model: model.map(own),
            name: name.map(own),
            status: status.map(own),
            told,
            serial: serial.map(own),
        }
    }

    /// What stands for it in its item, whatever the source: the serial that it is listed with, else the end of its uuid, which is what events
    /// call it.
    #[must_use]
    pub fn serial(&self) -> &str {
        if let Some(serial) = &self.serial {
            return serial;
        }
        let start = self.uuid.char_indices().rev().nth(SERIAL - 1).map_or(0, |(at, _)| at);
        self.uuid.get(start..).unwrap_or(&self.uuid)
    }

    /// Whether an event's `sensorSerial` means it.
    fn is(&self, serial: &str) -> bool {
        let is_end = |end: &str| {
            self.uuid
                .len()
                .checked_sub(end.len())
                .and_then(|at| self.uuid.get(at..))
                .is_some_and(|own| own.eq_ignore_ascii_case(end))
        };
        self.serial().eq_ignore_ascii_case(serial) || (serial.len() >= LEAST && is_end(serial))
    }
}

impl<'a> Event<'a> {
    /// The serial of the device that it is about, among these cameras or any; `None` where it is about none.
    ///
    /// An event of a camera may lack its serial, and names it by its uuid elsewhere then. Others may come with the recording of a camera that
    /// they are not about.
    #[must_use]
    pub fn device<'c>(&'c self, cameras: &'c [Camera<'_>]) -> Option<&'c str> {
        if let Some(serial) = self.sensor_serial.as_deref() {
            let camera = cameras.iter().find(|camera| camera.is(serial));
            return Some(camera.map_or(serial, Camera::serial));
        }
        let is_of_camera = self.sensor_type.is_some_and(super::DeviceType::is_camera) || self.is_of_type("activityCam");
        let named = self.main_camera.as_deref().or(self.video_started_by.as_deref()).filter(|_| is_of_camera)?;
        let camera = cameras.iter().find(|camera| camera.uuid.eq_ignore_ascii_case(named));
        camera.map(Camera::serial)
    }
}
