//! A type of event that a camera has: a row of `GET /api/v2/cameras/{id}/event_processing/events/`.

use crate::vendors::members::{BodyError, Members};

/// What a camera can do with events of a type; `None` where it does not say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Caps {
    /// `can_be_triggered`: on demand the camera makes such an event.
    pub can_be_triggered: Option<bool>,
    /// `can_record`: it may begin a recording.
    pub can_record: Option<bool>,
    /// `can_snapshot`: it may come with a picture.
    pub can_snapshot: Option<bool>,
    /// `is_periodic`: it comes again and again by itself.
    pub is_periodic: Option<bool>,
}

/// A type of event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EventType {
    /// `name`, in which the case of letters counts.
    pub name: String,
    /// `caps`.
    pub caps: Caps,
    /// `notify`: whether telephones are told.
    pub notify: Option<bool>,
    /// `receive`: whether the camera sends it (inferred). Types that were added have `false`: only the server makes such events.
    pub receive: Option<bool>,
    /// `record`: whether it begins a recording; there if it can.
    pub record: Option<bool>,
    /// `snapshot`: whether it comes with a picture; there if it can.
    pub snapshot: Option<bool>,
    /// `period`: every how many seconds it comes; there if it is periodic.
    pub period: Option<i64>,
    /// `custom`: whether it was added by somebody.
    pub custom: Option<bool>,
    /// `generate_images`, which VXG does not explain.
    pub generate_images: Option<bool>,
}

impl EventType {
    /// Reads a type.
    ///
    /// # Errors
    /// [`BodyError`] for what is no object, and for one without a name.
    pub fn read(json: &str) -> Result<Self, BodyError> {
        let members = Members::of(json)?;
        let caps = members.object("caps");
        Ok(Self {
            name: members.text("name").ok_or(BodyError::Lacks("name"))?.into_owned(),
            caps: Caps {
                can_be_triggered: caps.flag("can_be_triggered"),
                can_record: caps.flag("can_record"),
                can_snapshot: caps.flag("can_snapshot"),
                is_periodic: caps.flag("is_periodic"),
            },
            notify: members.flag("notify"),
            receive: members.flag("receive"),
            record: members.flag("record"),
            snapshot: members.flag("snapshot"),
            period: members.number("period"),
            custom: members.flag("custom"),
            generate_images: members.flag("generate_images"),
        })
    }
}
