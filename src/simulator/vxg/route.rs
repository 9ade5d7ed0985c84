//! What can be asked, by method and path.

use actix_web::http::Method;
use percent_encoding::percent_decode_str;

use super::faults::FaultKind;

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    Types(i64),
    AddType(i64),
    Type(i64, String),
    SetType(i64, String),
    Trigger(i64, String),
    Events,
    Create,
    Event(i64),
    AddTag(i64),
    SetTag(i64, String),
    DeleteTag(i64, String),
    ChannelsV5,
    ChannelsV3,
    Channel(i64),
    Camera(i64),
    SetCamera(i64),
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Routed {
    Found(Endpoint),
    /// It would be there, were there a slash at its end.
    Slashless(Endpoint),
    WrongMethod,
    Nothing,
}

impl Routed {
    pub(super) const fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Found(endpoint) | Self::Slashless(endpoint) => Some(endpoint),
            Self::WrongMethod | Self::Nothing => None,
        }
    }
}

/// Finds out where a request goes, below the path of the options.
pub(super) fn route(method: &Method, path: &str, below: &str) -> Routed {
    let rest = match below {
        "" => Some(path),
        below => path.strip_prefix('/').and_then(|path| path.strip_prefix(below)),
    };
    let Some(rest) = rest.and_then(|path| path.strip_prefix('/')) else { return Routed::Nothing };
    let slash = rest.ends_with('/');
    let segments: Vec<String> = rest
        .strip_suffix('/')
        .unwrap_or(rest)
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match Endpoint::of(method, &segments) {
        Some(endpoint) if slash => Routed::Found(endpoint),
        Some(endpoint) => Routed::Slashless(endpoint),
        None => {
            let methods = [Method::GET, Method::POST, Method::PUT, Method::DELETE];
            let known = methods.iter().any(|method| Endpoint::of(method, &segments).is_some());
            if known { Routed::WrongMethod } else { Routed::Nothing }
        }
    }
}

impl Endpoint {
    fn of(method: &Method, segments: &[&str]) -> Option<Self> {
        let id = |text: &str| text.parse().ok();
        let ["api", version, rest @ ..] = segments else { return None };
        Some(match (method.as_str(), *version, rest) {
            ("GET", "v2", ["cameras", camera]) => Self::Camera(id(camera)?),
            ("PUT", "v2", ["cameras", camera]) => Self::SetCamera(id(camera)?),
            ("GET", "v2", ["cameras", camera, "event_processing", "events"]) => Self::Types(id(camera)?),
            ("POST", "v2", ["cameras", camera, "event_processing", "events"]) => Self::AddType(id(camera)?),
            ("GET", "v2", ["cameras", camera, "event_processing", "events", kind]) => {
                Self::Type(id(camera)?, (*kind).to_owned())
            }
            ("PUT", "v2", ["cameras", camera, "event_processing", "events", kind]) => {
                Self::SetType(id(camera)?, (*kind).to_owned())
            }
            ("POST", "v2", ["cameras", camera, "event_processing", "events", kind, "trigger"]) => {
                Self::Trigger(id(camera)?, (*kind).to_owned())
            }
            ("GET", "v2", ["storage", "events"]) => Self::Events,
            ("POST", "v2", ["storage", "events"]) => Self::Create,
            ("GET", "v2", ["storage", "events", event]) => Self::Event(id(event)?),
            ("POST", "v2", ["storage", "events", event, "meta"]) => Self::AddTag(id(event)?),
            ("PUT", "v2", ["storage", "events", event, "meta", tag]) => Self::SetTag(id(event)?, (*tag).to_owned()),
            ("DELETE", "v2", ["storage", "events", event, "meta", tag]) => {
                Self::DeleteTag(id(event)?, (*tag).to_owned())
            }
            ("GET", "v5", ["channels"]) => Self::ChannelsV5,
            ("GET", "v3", ["channels"]) => Self::ChannelsV3,
            ("GET", "v3", ["channels", camera]) => Self::Channel(id(camera)?),
            _ => return None,
        })
    }

    /// As it is counted.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Types(_) => "types",
            Self::AddType(_) => "add-type",
            Self::Type(..) => "type",
            Self::SetType(..) => "set-type",
            Self::Trigger(..) => "trigger",
            Self::Events => "events",
            Self::Create => "create",
            Self::Event(_) => "event",
            Self::AddTag(_) | Self::SetTag(..) | Self::DeleteTag(..) => "tags",
            Self::ChannelsV5 => "channels-v5",
            Self::ChannelsV3 => "channels-v3",
            Self::Channel(_) => "channel",
            Self::Camera(_) => "camera",
            Self::SetCamera(_) => "set-camera",
        }
    }

    /// The fault that refuses it.
    pub(super) const fn fault(&self) -> FaultKind {
        match self {
            Self::Types(_) | Self::AddType(_) | Self::Type(..) | Self::SetType(..) => FaultKind::Types,
            Self::Trigger(..) => FaultKind::Trigger,
            Self::Events => FaultKind::Events,
            Self::Create => FaultKind::Create,
            Self::Event(_) => FaultKind::Event,
            Self::AddTag(_) | Self::SetTag(..) | Self::DeleteTag(..) => FaultKind::Tags,
            Self::ChannelsV5 | Self::ChannelsV3 | Self::Channel(_) => FaultKind::Channels,
            Self::Camera(_) | Self::SetCamera(_) => FaultKind::Camera,
        }
    }

    /// Whether a fault says that it is not there.
    pub(super) fn is_hidden(&self, on: impl Fn(FaultKind) -> bool) -> bool {
        match self {
            Self::ChannelsV3 => on(FaultKind::NoV3List) || on(FaultKind::NoV3),
            Self::Channel(_) => on(FaultKind::NoV3),
            Self::Camera(_) => on(FaultKind::NoV2Camera),
            _ => false,
        }
    }

    /// VXG's page *Working with events* asks for a token with the permission `all`; `watch` is for video alone.
    pub(super) const fn needs_all(&self) -> bool {
        !matches!(self, Self::ChannelsV5 | Self::ChannelsV3 | Self::Channel(_) | Self::Camera(_))
    }

    /// The camera in its path.
    pub(super) const fn camera(&self) -> Option<i64> {
        match self {
            Self::Types(camera)
            | Self::AddType(camera)
            | Self::Type(camera, _)
            | Self::SetType(camera, _)
            | Self::Trigger(camera, _)
            | Self::Channel(camera)
            | Self::Camera(camera)
            | Self::SetCamera(camera) => Some(*camera),
            _ => None,
        }
    }

    /// The parameters that VXG's own clients send in its query.
    pub(super) const fn parameters(&self) -> &'static [&'static str] {
        match self {
            Self::Types(_) => &["token", "limit", "offset"],
            Self::Events => &[
                "token",
                "limit",
                "offset",
                "order_by",
                "start",
                "end",
                "events",
                "aliases",
                "type",
                "camid",
                "meta",
                "meta_not",
                "include_meta",
                "include_filemeta_download",
            ],
            Self::Event(_) => &["token", "include_meta", "include_filemeta_download"],
            Self::ChannelsV5 | Self::ChannelsV3 => &[
                "token",
                "limit",
                "offset",
                "order_by",
                "meta",
                "meta_not",
                "include_meta",
                "include_events_info",
                "preview",
            ],
            Self::Channel(_) => &["token", "include_meta", "preview"],
            _ => &["token"],
        }
    }
}
