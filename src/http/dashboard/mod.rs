//! The page for people: static files, built into the program, that ask the API for everything they show.
//!
//! ```text
//! /, /assets/<file> ─► FILES ─► 200 with an ETag, or 304 where the browser has it already
//! ```
//!
//! `static/` holds the page as it is served: one module of JavaScript for each job, no build step, no framework. `main.js` is the map of it.
//! The files hold nothing of what is watched, so they need no token; the page asks for it when the API does.

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, HttpResponse, Responder,
    http::header::{self, ETag, EntityTag, Header, IfNoneMatch},
    web,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::digest;

use super::problem::{Answer, Problem, read};

/// Scripts and styles come from here, none stand in the page itself, and nothing is asked of any other host. Text from a server can never
/// become markup: the page has no place that would take it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// What `/` answers with.
const INDEX: &str = "index.html";

/// A file of the page.
struct File {
    name: &'static str,
    body: &'static [u8],
}

macro_rules! files {
    ($($name:literal)*) => {
        [$(File { name: $name, body: include_bytes!(concat!("static/", $name)) }),*]
    };
}

static FILES: &[File] = &files![
    "index.html"
    "favicon.svg"
    "base.css"
    "views.css"
    "alerts.js"
    "api.js"
    "charts.js"
    "connections.js"
    "dom.js"
    "event.js"
    "feed.js"
    "history.js"
    "item.js"
    "items.js"
    "live.js"
    "main.js"
    "restart.js"
    "router.js"
    "sinks.js"
    "sse.js"
    "store.js"
    "tiles.js"
    "time.js"
    "token.js"
    "virtual.js"
    "words.js"
];

/// What a browser is told to recognise each file by, in their order.
static TAGS: LazyLock<Vec<EntityTag>> = LazyLock::new(|| FILES.iter().map(File::tag).collect());

impl File {
    /// A name for just this content.
    fn tag(&self) -> EntityTag {
        let hash = digest::digest(&digest::SHA256, self.body);
        EntityTag::new_strong(BASE64_URL_SAFE_NO_PAD.encode(hash.as_ref().get(..12).unwrap_or_default()))
    }

    fn content_type(&self) -> &'static str {
        match self.name.rsplit_once('.') {
            Some((_, "html")) => "text/html; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            _ => "application/octet-stream",
        }
    }
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(read("/", index)).service(read("/assets/{file}", asset));
}

/// Whether a path is one of the page's own, which anybody may see.
pub(super) fn is_at(path: &str) -> bool {
    path == "/" || path.starts_with("/assets/")
}

async fn index(request: HttpRequest) -> Answer<impl Responder> {
    serve(&request, INDEX)
}

async fn asset(request: HttpRequest, file: web::Path<String>) -> Answer<impl Responder> {
    serve(&request, &file)
}

fn serve(request: &HttpRequest, name: &str) -> Answer<HttpResponse> {
    let found = FILES.iter().zip(TAGS.iter()).find(|(file, _)| file.name == name);
    let (file, tag) = found.ok_or_else(|| Problem::absent(format!("nothing is at {}", request.path())))?;
    let is_known = match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    };
    let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header(ETag(tag.clone()))
        // It is kept, and asked for each time: a new version of the program must not meet an old page.
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
    if is_known {
        return Ok(answer.finish());
    }
    Ok(answer.content_type(file.content_type()).body(file.body))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::{collections::BTreeSet, fs, path::Path};

    use actix_web::{App, http::StatusCode, test};

    use super::*;

    /// What a text refers to: the part between a prefix and the next quote.
    fn references<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        text.split(prefix).skip(1).filter_map(|rest| rest.split(['"', '\'']).next())
    }

    fn text(file: &File) -> &'static str {
        std::str::from_utf8(file.body).unwrap()
    }

    #[core::prelude::v1::test]
    fn every_file_that_is_referred_to_is_served_and_every_file_is_referred_to() {
        let served: BTreeSet<&str> = FILES.iter().map(|file| file.name).collect();
        let mut referred = BTreeSet::from([INDEX]);
        for file in FILES {
            referred.extend(references(text(file), "\"/assets/"));
            referred.extend(references(text(file), "from './"));
        }
        assert_eq!(served, referred);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/dashboard/static");
        let there: BTreeSet<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(served, there.iter().map(String::as_str).collect());
    }

    #[core::prelude::v1::test]
    fn every_module_is_announced_in_the_page_so_that_none_waits_for_another() {
        let index = text(FILES.iter().find(|file| file.name == INDEX).unwrap());
        for file in FILES.iter().filter(|file| file.name.ends_with(".js")) {
            assert!(index.contains(&format!("\"/assets/{}\"", file.name)), "{}", file.name);
        }
    }

    #[core::prelude::v1::test]
    fn no_file_has_grown_too_long_to_be_read_in_one_sitting() {
        for file in FILES {
            let lines = text(file).lines().count();
            assert!(lines <= 400, "{}: {lines} lines", file.name);
        }
    }

    #[core::prelude::v1::test]
    fn no_file_has_what_the_policy_forbids() {
        for file in FILES {
            for word in [" style=", " onclick=", "<style", "javascript:", "innerHTML", "https://", "eval("] {
                assert!(!text(file).contains(word), "{}: {word}", file.name);
            }
        }
    }

    #[actix_web::test]
    async fn what_a_browser_has_is_not_sent_again() {
        let app = test::init_service(App::new().configure(routes)).await;
        for path in ["/", "/assets/main.js", "/assets/base.css", "/assets/favicon.svg"] {
            let first = test::call_service(&app, test::TestRequest::get().uri(path).to_request()).await;
            assert_eq!(first.status(), StatusCode::OK);
            assert_eq!(first.headers().get(header::CACHE_CONTROL).unwrap(), "no-cache");
            let tag = first.headers().get(header::ETAG).unwrap().clone();
            let again = test::TestRequest::get().uri(path).insert_header((header::IF_NONE_MATCH, tag)).to_request();
            let again = test::call_service(&app, again).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
            assert!(test::read_body(again).await.is_empty());
            let other = test::TestRequest::get().uri(path).insert_header((header::IF_NONE_MATCH, "\"old\""));
            assert_eq!(test::call_service(&app, other.to_request()).await.status(), StatusCode::OK);
        }
        let absent = test::call_service(&app, test::TestRequest::get().uri("/assets/mod.rs").to_request()).await;
        assert_eq!(absent.status(), StatusCode::NOT_FOUND);
    }
}
