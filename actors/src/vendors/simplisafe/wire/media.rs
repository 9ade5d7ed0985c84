//! The pictures and recordings that come with an event, as links.

use std::borrow::Cow;

use crate::vendors::members::Members;

/// Links to the recording of one camera; which of them there are depends on the camera.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Media<'a> {
    /// The camera's uuid.
    pub camera: Cow<'a, str>,
    /// A picture: `snapshot/jpg`.
    pub image: Option<Link<'a>>,
    /// The recording as one file: `download/mp4`.
    pub clip: Option<Link<'a>>,
    /// The recording as an HLS playlist: `playback/hls`.
    pub hls: Option<Link<'a>>,
    /// The recording as FLV, which some cameras have in place of HLS: `playback/flv`.
    pub flv: Option<Link<'a>>,
}

/// An address, or a template of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link<'a>(pub Cow<'a, str>);

impl<'a> Media<'a> {
    /// The links of the camera that started the recording; of the first with links where nobody is said to have started it.
    pub(super) fn read(video: &'a str, started_by: Option<&str>) -> Option<Self> {
        let video = Members::of(video).ok()?;
        let of = |(camera, json): (&str, &'a str)| Self::of(camera, Members::of(json).ok()?);
        match started_by {
            Some(camera) => of((camera, video.json(camera)?)),
            None => video.iter().find_map(of),
        }
    }

    fn of(camera: &str, recording: Members<'a>) -> Option<Self> {
        let links = recording.object("_links");
        let link = |name| links.object(name).text("href").map(Link);
        let media = Self {
            camera: Cow::Owned(camera.to_owned()),
            image: link("snapshot/jpg"),
            clip: link("download/mp4"),
            hls: link("playback/hls"),
            flv: link("playback/flv"),
        };
        let has_any = [&media.image, &media.clip, &media.hls, &media.flv].into_iter().any(Option::is_some);
        has_any.then_some(media)
    }
}

impl Link<'_> {
    /// The address. What a template leaves open (`{&width}`, `{&fps,width}`) is left out, but for the width in pixels, if one is wanted.
    #[must_use]
    pub fn address(&self, width: Option<u32>) -> String {
        let mut address = String::with_capacity(self.0.len() + 16);
        let mut rest = &*self.0;
        while let Some((before, open, behind)) = rest
            .split_once('{')
            .and_then(|(before, rest)| rest.split_once('}').map(|(open, behind)| (before, open, behind)))
        {
            address.push_str(before);
            let names = open.trim_start_matches(['&', '?']);
            if let Some(width) = width.filter(|_| names.split(',').any(|name| name == "width")) {
                address.push_str(if open.starts_with('?') { "?" } else { "&" });
                address.push_str(&format!("width={width}"));
            }
            rest = behind;
        }
        address.push_str(rest);
        address
    }
}
