//! `POST /api/rest/v1/events`: a client has an event made. It then goes to every session that wants it, as any other.
//!
//! Documented are the request, the status 202 with the event in `data`, and that users may trigger events of the generators `External` and `MIPDevice`
//! alone, and none of the subtype `Generic`. Which status a refusal has is inferred from the rest of the REST API, and so is that the id that
//! is answered is the one that the event has on the WebSocket.

use std::{io, time::Duration};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    body::BodyStream,
    http::{StatusCode, header},
    rt, web,
};
use futures_util::stream;
use serde_json::{Value, json};

use super::{
    faults::FaultKind,
    gateway::{error, json_response, refused},
    hub::{Core, Hub},
    wire::Spelling,
};

/// A refusal: status, text, and the id of the text where it is known.
struct Refusal(u16, String, Option<&'static str>);

pub(super) async fn answer(request: &HttpRequest, payload: web::Payload, hub: &Hub) -> HttpResponse {
    hub.lock().count_request("rest/events");
    while hub.lock().switches.on(FaultKind::RestHang) {
        rt::time::sleep(Duration::from_millis(50)).await;
    }
    let wait = hub.lock().switches.duration(FaultKind::RestSlow);
    if let Some(wait) = wait {
        rt::time::sleep(wait).await;
    }
    let body = web::Bytes::from_request(request, &mut payload.into_inner()).await.unwrap_or_default();
    let bearer = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (answer, lost, slow) = {
        let mut core = hub.lock();
        let down = [(FaultKind::RestDown, 503), (FaultKind::Rest500, 500)];
        if let Some((_, status)) = down.into_iter().find(|(kind, _)| core.switches.on(*kind)) {
            return refused(status, "");
        }
        let answer = core.trigger(bearer, &body);
        let lost = answer.is_ok() && core.switches.strikes(FaultKind::TriggerLost);
        (answer, lost, core.switches.duration(FaultKind::TriggerSlow))
    };
    if let Some(wait) = slow {
        rt::time::sleep(wait).await;
    }
    match answer {
        Ok(_) if lost => {
            let broken = || io::Error::new(io::ErrorKind::ConnectionReset, "the simulator breaks this connection");
            HttpResponse::build(StatusCode::ACCEPTED)
                .body(BodyStream::new(stream::once(async move { Err::<web::Bytes, _>(broken()) })))
        }
        Ok(event) => json_response(202, &event),
        Err(Refusal(status @ (404 | 500..), text, _)) if text.is_empty() => refused(status, &text),
        Err(Refusal(status, text, text_id)) => json_response(status, &error(status, &text, text_id)),
    }
}

impl Core {
    fn trigger(&mut self, bearer: Option<&str>, body: &[u8]) -> Result<Value, Refusal> {
        self.verify(bearer).map_err(|fault| Refusal(401, fault.text().to_owned(), None))?;
        let forbidden = || {
            let text = "You do not have sufficient permissions to complete the operation.";
            Refusal(403, text.to_owned(), Some("VMO61008"))
        };
        match self.switches.refuse(FaultKind::TriggerRefused) {
            Some(403) => return Err(forbidden()),
            Some(status @ (404 | 500..)) => return Err(Refusal(status, String::new(), None)),
            Some(status) => return Err(Refusal(status, "The event could not be triggered.".to_owned(), None)),
            None if self.switches.on(FaultKind::Rest403) => return Err(forbidden()),
            None => {}
        }
        let bad = |text: String| Refusal(400, text, None);
        let body: Value =
            serde_json::from_slice(body).map_err(|error| bad(format!("The body is not valid. {error}")))?;
        let kind = body.get("type").and_then(Value::as_str).ok_or_else(|| bad("The type is missing.".to_owned()))?;
        let id = kind.to_ascii_lowercase();
        let known = self.world.types.iter().position(|known| *known.id == *id);
        let event_type = known.ok_or_else(|| bad(format!("The event type is not valid. {kind}")))?;
        let (generator, subtype, ..) = self.world.types[event_type].generator.texts();
        if !["External", "MIPDevice"].contains(&generator) || subtype == "Generic" {
            return Err(forbidden());
        }
        let item = match body.get("source") {
            None | Some(Value::Null) => {
                // For an event without a source of its own, type and source are the same item.
                let own = ["userDefinedEvents", "analyticsEvents"].map(|kind| self.world.item(&format!("{kind}/{id}")));
                own.into_iter().flatten().next().ok_or_else(|| bad("The source is missing.".to_owned()))?
            }
            Some(source) => {
                let source = source.as_str().ok_or_else(|| bad("The source is not valid.".to_owned()))?;
                let item = self.world.item(source).filter(|item| !self.world.items[*item].removed);
                item.ok_or_else(|| Refusal(404, format!("Device not found. {source}"), None))?
            }
        };
        let time = self.world.tick();
        let event = self.world.raise(item, event_type, time, None);
        let event = self.publish(event);
        self.counters.triggered += 1;
        let spelling = Spelling::of(&self.switches);
        Ok(json!({ "data": {
            "id": event.id,
            "type": spelling.guid(&event.event_type, event.index + 1),
            "source": spelling.guid(&event.source, event.index),
            "time": event.time,
        }}))
    }
}
