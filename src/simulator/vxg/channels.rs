//! The cameras as channels: `/api/v5/channels/`, `/api/v3/channels/`, and `/api/v2/cameras/{id}/`.

use serde_json::{Value, json};

use super::{
    answer::{Answer, Answered},
    faults::FaultKind,
    gateway::Asked,
    hub::Core,
    page::{flag, names},
    token::{Kind, Who},
    world::Camera,
};

impl Core {
    /// What both versions tell of a channel.
    fn channel(&self, camera: &Camera) -> Value {
        json!({
            "id": self.id(camera.id),
            "name": camera.name,
            "status": camera.status,
            "recording": camera.is_online() && camera.rec_mode != "off",
        })
    }

    /// With its tokens, for whoever has the licence.
    fn channel_v3(&self, camera: &Camera) -> Value {
        let mut row = self.channel(camera);
        row["rec_mode"] = json!(camera.rec_mode);
        if self.switches.on(FaultKind::NoAccessTokens) {
            return row;
        }
        let tokens = camera.tokens.as_ref();
        let watch = tokens.map(|tokens| tokens.watch.text.to_string());
        row["access_tokens"] = match self.switches.on(FaultKind::OnlyWatch) {
            true => json!({ "watch": watch }),
            false => json!({ "all": tokens.map(|tokens| tokens.all.text.to_string()), "watch": watch }),
        };
        row
    }

    pub(super) fn channels(&mut self, asked: &Asked, who: Who, v3: bool) -> Answered {
        let part = self.part(asked)?;
        let with_meta = flag(asked, "include_meta")?;
        let with_events = flag(asked, "include_events_info")?;
        flag(asked, "preview")?;
        let (tags, tags_not) = (names(asked, "meta"), names(asked, "meta_not").unwrap_or_default());
        let empty = self.strikes(FaultKind::NoChannels);
        let meant: Vec<&Camera> = self
            .world
            .cameras
            .values()
            .filter(|_| !empty)
            .filter(|camera| who.kind == Kind::Licence || camera.grouped)
            .filter(|camera| tags.as_ref().is_none_or(|tags| tags.iter().any(|tag| camera.meta.contains_key(tag))))
            .filter(|camera| !tags_not.iter().any(|tag| camera.meta.contains_key(tag)))
            .collect();
        let total = meant.len();
        let page = meant.into_iter().skip(part.offset).take(part.limit);
        let rows = page.map(|camera| {
            let mut row = if v3 { self.channel_v3(camera) } else { self.channel(camera) };
            if !v3 {
                row["token"] = json!(camera.tokens.as_ref().map(|tokens| tokens.all.text.to_string()));
            }
            if with_meta {
                row["meta"] = json!(camera.meta);
            }
            if with_events {
                row["events"] = camera.types.iter().map(|(name, kind)| kind.row(name)).collect();
            }
            row
        });
        let rows = rows.collect();
        Ok(self.envelope(asked, part, rows, total))
    }

    pub(super) fn one_channel(&self, camera: i64) -> Answered {
        let camera = self.world.cameras.get(&camera).ok_or_else(Answer::not_found)?;
        let mut row = self.channel_v3(camera);
        row["meta"] = json!(camera.meta);
        Ok(Answer::json(200, row))
    }

    pub(super) fn one_camera(&self, camera: i64) -> Answered {
        let camera = self.world.cameras.get(&camera).ok_or_else(Answer::not_found)?;
        let mut row = self.channel(camera);
        row["rec_mode"] = json!(camera.rec_mode);
        Ok(Answer::json(200, row))
    }

    /// VXG's samples set `rec_mode` alone.
    pub(super) fn set_camera(&mut self, camera: i64, asked: &Asked) -> Answered {
        let mode = asked.object()?.get("rec_mode").and_then(Value::as_str);
        let mode = mode.filter(|mode| ["on", "off", "by_event"].contains(mode));
        let mode = mode.ok_or_else(|| Answer::bad("rec_mode: it must be on, off or by_event"))?;
        let known = self.world.cameras.get_mut(&camera).ok_or_else(Answer::not_found)?;
        mode.clone_into(&mut known.rec_mode);
        self.one_camera(camera)
    }
}
