//! Access tokens as VXG makes them: base64 of JSON, with a shorter token inside; and whom a request is from.

use std::{collections::HashMap, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::simulator::common::rng::Rng;

/// How long tokens say that they are good: ten years, as those on VXG's pages do. Nothing here ends them by their time.
const LIFE: u64 = 3650 * 24 * 3600;

/// A token, and the one inside it, which goes into a query.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) text: Arc<str>,
    pub(super) inner: Arc<str>,
}

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Camera(i64),
    Group,
}

/// Where a token says that its cloud is.
#[derive(Debug, Clone, Default)]
pub(super) struct Base {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
}

impl Token {
    pub(super) fn new(rng: &mut Rng, of: Of, group: i64, all: bool, base: &Base, issued: i64) -> Self {
        let number = STANDARD.encode(json!({ "si": rng.below(1_000_000) }).to_string());
        let signature = rng.guid().replace('-', "");
        let inner = format!("share.{number}.{issued:x}t{LIFE:x}.{signature}");
        let mut members = json!({
            "cmngrid": group,
            "access": if all { "all" } else { "watch" },
            "token": inner,
            "api": base.host,
            "cam": base.host,
            "api_p": base.port,
            "path": base.path,
        });
        if let Of::Camera(camera) = of {
            members["camid"] = json!(camera);
        }
        Self { text: STANDARD.encode(members.to_string()).into(), inner: inner.into() }
    }
}

/// Whom a request is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) kind: Kind,
    /// `access` of the token is `all`, not `watch`.
    pub(super) all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Camera(i64),
    Group,
    Licence,
}

/// How a request says whom it is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// `Authorization: Acc …`: a camera's token.
    Acc,
    /// `Authorization: SI …`: a group's token.
    Si,
    /// `Authorization: LKey …`: a licence key.
    LKey,
    /// `?token=…`: the token inside an access token.
    Query,
    /// Another word, or a header that cannot be read.
    Other,
    /// Not at all.
    Nothing,
}

/// All tokens that are good.
#[derive(Debug, Default)]
pub(super) struct Keys(HashMap<(Scheme, Arc<str>), Who>);

impl Keys {
    pub(super) fn admit(&mut self, token: &Token, of: Of, all: bool) {
        let (scheme, kind) = match of {
            Of::Camera(camera) => (Scheme::Acc, Kind::Camera(camera)),
            Of::Group => (Scheme::Si, Kind::Group),
        };
        self.0.insert((scheme, token.text.clone()), Who { kind, all });
        self.0.insert((Scheme::Query, token.inner.clone()), Who { kind, all });
    }

    pub(super) fn admit_licence(&mut self, key: Arc<str>) {
        self.0.insert((Scheme::LKey, key), Who { kind: Kind::Licence, all: true });
    }

    pub(super) fn refuse(&mut self, kind: Kind) {
        self.0.retain(|_, who| who.kind != kind);
    }

    pub(super) fn who(&self, scheme: Scheme, text: &Arc<str>) -> Option<Who> {
        self.0.get(&(scheme, text.clone())).copied()
    }

    /// The scheme with which this would have been accepted.
    pub(super) fn right_scheme(&self, text: &Arc<str>) -> Option<Scheme> {
        [Scheme::Acc, Scheme::Si, Scheme::LKey].into_iter().find(|scheme| self.who(*scheme, text).is_some())
    }
}
