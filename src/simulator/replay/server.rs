//! Answers requests with what was recorded.

use std::{net::Shutdown, sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    rt, web,
};
use futures_util::StreamExt;
use socket2::Socket;

use super::core::{Asked, Core, Due, Hub};
use crate::simulator::common::{running::Served, socket};

impl Served for Core {
    const THREAD: &'static str = "replay";

    async fn route(request: HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
        let upgrade = socket::header(request.headers(), "upgrade");
        if upgrade.is_some_and(|what| what.eq_ignore_ascii_case("websocket")) {
            upgraded(request, payload, hub).await
        } else {
            called(request, payload, hub).await
        }
    }

    fn tick(&mut self, passed: Duration) {
        self.tick_links(passed);
    }
}

async fn called(request: HttpRequest, mut payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
    // What it carries makes no difference, but must be out of the way.
    while let Some(Ok(_)) = payload.next().await {}
    let (method, path) = (request.method().as_str(), request.path());
    let due = hub.lock().call(method, path, request.query_string());
    match due {
        Some(due) => answered(&request, due).await,
        None => {
            tracing::warn!(method, path, "Nothing was recorded for this call; it is answered with 404.");
            plain(404, "nothing was recorded for this call")
        }
    }
}

async fn answered(request: &HttpRequest, Due { after, answer }: Due) -> HttpResponse {
    rt::time::sleep(after).await;
    let Some(answer) = answer else {
        // As it was: there is no answer.
        if let Some(socket) = request.conn_data::<Arc<Socket>>() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        return plain(500, "lost");
    };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for (name, value) in &answer.headers {
        response.append_header((name.as_str(), value.as_str()));
    }
    response.body(answer.body)
}

async fn upgraded(request: HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
    let response = match socket::handshake(&request) {
        Ok(response) => response,
        Err(error) => return HttpResponse::from(actix_http::Response::from(error)),
    };
    let asked = hub.lock().socket(request.path());
    match asked {
        Asked::Opens(after, link, wake) => {
            rt::time::sleep(after).await;
            hub.lock().opened(link);
            socket::accept(&request, payload, response, hub.into_inner(), link, wake)
        }
        Asked::Refused(due) => answered(&request, due).await,
        Asked::Unknown => {
            let path = request.path();
            tracing::warn!(path, "No further WebSocket was recorded here; it is refused with 503.");
            let mut refused = plain(503, "no further WebSocket was recorded here");
            refused.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("30"));
            refused
        }
    }
}

fn plain(status: u16, text: &'static str) -> HttpResponse {
    HttpResponse::build(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)).body(text)
}
