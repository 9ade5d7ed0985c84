//! What a request says: its parameters, wherever they are, and the secrets that it carries.

use std::sync::Arc;

use actix_web::{FromRequest, HttpRequest, web};
use serde_json::Value;

use crate::simulator::common::socket::header;

type Fields = Vec<(String, String)>;

/// A request as far as it matters here.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) query: Fields,
    /// What the body says; `None` when it cannot be read.
    pub(super) body: Option<Fields>,
    pub(super) cookie: Option<Arc<str>>,
    pub(super) a: Option<Arc<str>>,
    pub(super) tfa_key: Option<Arc<str>>,
    pub(super) api_key: Option<Arc<str>>,
}

impl Asked {
    /// Reads a request without its body.
    pub(super) fn of_head(request: &HttpRequest) -> Self {
        let headers = request.headers();
        let query =
            web::Query::<Fields>::from_query(request.query_string()).map(web::Query::into_inner).unwrap_or_default();
        let cookies: Fields = headers
            .get_all("cookie")
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let cookie = |name: &str| find(&cookies, name).map(Arc::from);
        let key = header(headers, "authentication").or_else(|| header(headers, "authorization"));
        let mut asked = Self {
            cookie: cookie("auth_key").or_else(|| cookie("videobank_sessionid")),
            tfa_key: cookie("tfa_key"),
            api_key: key.map(Arc::from),
            body: Some(Vec::new()),
            query,
            a: None,
        };
        asked.find_a();
        asked
    }

    /// Reads a whole request.
    pub(super) async fn read(request: &HttpRequest, payload: web::Payload) -> Self {
        let mut asked = Self::of_head(request);
        let kind = header(request.headers(), "content-type").unwrap_or_default().to_owned();
        let body = web::Bytes::from_request(request, &mut payload.into_inner()).await;
        asked.body = body.ok().and_then(|body| fields(&kind, &body));
        asked.find_a();
        asked
    }

    /// `A` is looked for in the query first, then in the body.
    fn find_a(&mut self) {
        // A published client takes the end of its cookie along.
        let a =
            find(&self.query, "A").or_else(|| find(self.body.as_ref()?, "A")).map(|a| a.trim_end_matches(';').into());
        self.a = a;
    }

    /// The id of the session that is meant: `A` before the cookie.
    pub(super) fn session(&self) -> Option<Arc<str>> {
        self.a.clone().or_else(|| self.cookie.clone())
    }

    /// A parameter of the body, or of the query.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.body.as_ref().and_then(|body| find(body, name)).or_else(|| find(&self.query, name))
    }

    /// Whether an API key is the one that is needed. A colon behind it does no harm.
    pub(super) fn has_key(&self, needed: &str) -> bool {
        self.api_key.as_deref().is_some_and(|given| given.trim().trim_end_matches(':') == needed)
    }
}

fn find<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// What a body says: JSON, a form, or a form in several parts, all of which are in use.
fn fields(kind: &str, body: &[u8]) -> Option<Fields> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Some(Vec::new());
    }
    if let Some(boundary) = boundary_of(kind) {
        return parts(boundary, std::str::from_utf8(body).ok()?);
    }
    let json = || {
        let Ok(Value::Object(members)) = serde_json::from_slice(body) else { return None };
        let text = |value: Value| match value {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(bool) => Some(bool.to_string()),
            _ => None,
        };
        Some(members.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect())
    };
    let form = || {
        let text = std::str::from_utf8(body).ok()?;
        web::Query::<Fields>::from_query(text).map(web::Query::into_inner).ok()
    };
    if kind.to_ascii_lowercase().starts_with("application/json") { json() } else { json().or_else(form) }
}

/// The boundary of a form in several parts.
fn boundary_of(kind: &str) -> Option<&str> {
    let (name, parameters) = kind.split_once(';')?;
    if !name.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("boundary="))?;
    Some(boundary.trim_matches('"'))
}

fn parts(boundary: &str, body: &str) -> Option<Fields> {
    let mut fields = Vec::new();
    // What is before the first boundary is no part.
    for part in body.split(&format!("--{boundary}")).skip(1) {
        if part.starts_with("--") {
            return Some(fields);
        }
        let (head, value) = part.strip_prefix("\r\n")?.split_once("\r\n\r\n")?;
        let name = head.split("name=\"").nth(1)?.split('"').next()?;
        fields.push((name.to_owned(), value.strip_suffix("\r\n")?.to_owned()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_body_is_json_or_a_form_or_has_several_parts() {
        let both = Some(vec![pair("a", "1"), pair("b", "x y")]);
        assert_eq!(fields("application/json; charset=utf-8", br#"{"a":1,"b":"x y"}"#), both);
        assert_eq!(fields("", br#"{"a":1,"b":"x y"}"#), both);
        assert_eq!(fields("application/x-www-form-urlencoded", b"a=1&b=x+y"), both);
        let body = "--cut\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
                    --cut\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\nx y\r\n--cut--\r\n";
        assert_eq!(fields("multipart/form-data; boundary=cut", body.as_bytes()), both);
        assert_eq!(fields("multipart/form-data; boundary=cut", b"--cut\r\nno part"), None);
        assert_eq!(fields("application/json", b"a=1"), None);
        assert_eq!(fields("application/json", b" "), Some(Vec::new()));
    }
}
