//! Clips of cameras: the links in events, and what they lead to.

use std::{io, time::Duration};

use actix_web::{
    body::{BodySize, MessageBody, SizedStream},
    rt,
    web::Bytes,
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::{
    answer::{Answer, Body},
    faults::FaultKind,
    gateway::{Asked, Endpoint},
    hub::Core,
    stamp::Seconds,
    world::{Part, Place},
};

/// Which of a clip's links. The paths are made up: those of SimpliSafe's hosts differ from each other, and lead elsewhere anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Snapshot,
    Preview,
    Download,
    Hls,
    Flv,
    Recording,
}

impl Kind {
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "snapshot" => Self::Snapshot,
            "preview" => Self::Preview,
            "download" => Self::Download,
            "hls" => Self::Hls,
            "flv" => Self::Flv,
            "recordings" => Self::Recording,
            _ => return None,
        })
    }

    const fn file(self) -> (&'static str, &'static [u8], usize) {
        match self {
            Self::Snapshot => ("image/jpeg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", 20_000),
            Self::Preview => {
                ("multipart/x-mixed-replace; boundary=frame", b"--frame\r\nContent-Type: image/jpeg\r\n\r\n", 100_000)
            }
            Self::Download => ("video/mp4", b"\x00\x00\x00\x18ftypmp42", 300_000),
            Self::Hls => ("application/vnd.apple.mpegurl", b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-ENDLIST\n", 41),
            Self::Flv => ("video/x-flv", b"FLV\x01\x05\x00\x00\x00\x09", 200_000),
            Self::Recording => ("application/json", b"{}", 2),
        }
    }
}

/// A clip, and how often it was asked for in vain.
#[derive(Debug, Default)]
pub(super) struct Clip {
    pub(super) missed: usize,
}

/// How a file ends before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Broken,
    Stalled,
}

impl Core {
    /// Who started a video, and the video, of an event that a camera made.
    pub(super) fn video(&mut self, place: Place, part: Part, event: u64, time: Seconds) -> Option<(String, Value)> {
        let Part::Camera(camera) = part else { return None };
        let base = match self.foreign.filter(|_| self.switches.on(FaultKind::ForeignMedia)) {
            Some(foreign) => format!("http://{foreign}"),
            None => self.url.clone(),
        };
        self.next_clip += 1;
        let clip = self.next_clip;
        self.clips.insert(clip, Clip::default());
        let system = &self.world.systems[place];
        let camera = &system.cameras[camera];
        let link = |kind: &str, more: &str| {
            format!("{base}/v1/media/{kind}/{clip}?account=611485993050&region=us-east-1{more}")
        };
        let get = |kind: &str| json!({ "href": link(kind, ""), "method": "GET" });
        let template = |kind: &str, more: &str| json!({ "href": link(kind, more), "method": "GET", "templated": true });
        let mut links = json!({
            "_self": { "href": format!("{base}/v1/media/recordings/{clip}"), "method": "GET" },
            "preview/mjpg": template("preview", "{&fps,width}"),
            "snapshot/mjpg": template("preview", "{&fps,width}"),
            "snapshot/jpg": template("snapshot", "{&width}"),
            "download/mp4": get("download"),
            "share": { "href": link("share", ""), "method": "POST" },
        });
        let flv = camera.flv || self.switches.on(FaultKind::FlvOnly);
        if flv {
            links["playback/flv"] = get("flv");
        } else {
            links["playback/hls"] = get("hls");
        }
        let video = json!({
            "clipId": clip.to_string(),
            "preroll": 3,
            "postroll": 7,
            "cameraName": camera.name,
            "eventId": event.to_string(),
            "sid": system.sid,
            "timestamp": time,
            "recordingType": if flv { "TEP" } else { "KVS" },
            "account": system.account,
            "region": "us-east-1",
            "actualDuration": 0,
            "status": "PENDING",
            "_links": links,
        });
        let uuid = camera.uuid.clone();
        Some((uuid.clone(), json!({ uuid: video })))
    }

    pub(super) fn media(&mut self, kind: Kind, clip: u64, asked: &Asked) -> Answer {
        if asked.has_template() {
            return Answer::invalid("width");
        }
        let pending = self.switches.count(FaultKind::MediaPending).unwrap_or(0);
        let Some(known) = self.clips.get_mut(&clip) else {
            return Answer::failure(404);
        };
        if known.missed < pending {
            known.missed += 1;
            return Answer::failure(404);
        }
        if let Some(foreign) = self.foreign.filter(|_| self.switches.on(FaultKind::MediaRedirect)) {
            return Answer::moved(format!("http://{foreign}{}", asked.path));
        }
        self.file(kind)
    }

    fn file(&self, kind: Kind) -> Answer {
        let (content_type, start, usual) = kind.file();
        let size = match self.switches.get(FaultKind::MediaSize) {
            Some(super::Fault::MediaSize(size)) => size.0,
            _ => usual,
        };
        let broken = self.switches.on(FaultKind::MediaCut).then_some(Cut::Broken);
        let cut = broken.or(self.switches.on(FaultKind::MediaStall).then_some(Cut::Stalled));
        Answer::of(200, Body::File { content_type, start, size, cut })
    }

    /// The host that is not the vendor's gives files to everybody.
    pub(super) fn abroad(&self, endpoint: Option<Endpoint>) -> Answer {
        match endpoint {
            Some(Endpoint::Media(kind, _)) => self.file(kind),
            _ => Answer::blocked(404),
        }
    }
}

/// A file that begins so and goes on with zeros.
pub(super) fn file(start: &'static [u8], size: usize, cut: Option<Cut>) -> impl MessageBody {
    const CHUNK: usize = 64 << 10;
    static ZEROS: [u8; CHUNK] = [0; CHUNK];
    let end = if cut.is_some() { size / 2 } else { size };
    let whole = stream::unfold(0, move |sent| async move {
        if sent >= end {
            return None;
        }
        let source = start.get(sent..).filter(|rest| !rest.is_empty()).unwrap_or(&ZEROS);
        let chunk = &source[..source.len().min(end - sent)];
        Some((Ok::<_, io::Error>(Bytes::from_static(chunk)), sent + chunk.len()))
    });
    let last = stream::iter(cut).then(|cut| async move {
        // What was said so far gets on its way.
        let wait = if cut == Cut::Stalled { Duration::from_secs(24 * 3600) } else { Duration::from_millis(20) };
        rt::time::sleep(wait).await;
        Err(io::Error::new(io::ErrorKind::ConnectionReset, "the simulator cuts this file"))
    });
    let body = SizedStream::new(size as u64, Box::pin(whole.chain(last)));
    debug_assert_eq!(body.size(), BodySize::Sized(size as u64));
    body
}
