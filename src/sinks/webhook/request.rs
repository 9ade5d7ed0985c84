//! Events as the body and headers of a request (CloudEvents 1.0.2, HTTP protocol binding).

use std::borrow::Cow;

use watchpost_actors::model::event::{SharedEvent, Stored};

use crate::{
    config::WebhookMode,
    sinks::{attributes::encoded, outlet::Failure},
};

/// The longest value of a header, in bytes. Receivers take 8 KiB for one, or for all together, unless told otherwise.
const LONGEST_HEADER: usize = 8 << 10;

/// Names and values, the values as they are sent.
type Headers = Vec<(Cow<'static, str>, String)>;

/// A request, but for what is new with every try.
#[derive(Debug)]
pub(super) struct Request {
    /// The same whenever the same events are sent.
    pub(super) id: String,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// The request for these events; `most` is how many there may be in batch mode.
    ///
    /// # Errors
    /// [`Failure::Refused`] when they cannot be sent, now or later.
    pub(super) fn new(
        mode: WebhookMode,
        most: usize,
        events: &[SharedEvent],
        redelivery: bool,
    ) -> Result<Self, Failure> {
        let most = if mode == WebhookMode::Batch { most } else { 1 };
        let (Some(first), Some(last)) = (events.first(), events.last()) else {
            return Err(impossible("a request without an event was asked for".to_owned()));
        };
        if events.len() > most {
            return Err(impossible(format!("{} events were given for a request of {most} at most", events.len())));
        }
        let id = match events {
            [_] => encoded(&first.get().full_id()),
            _ => format!("{}..{}", encoded(&first.get().full_id()), encoded(&last.get().full_id())),
        };
        let (headers, body) = match mode {
            WebhookMode::Structured => {
                (json("application/cloudevents+json; charset=utf-8"), lines(events, redelivery)?)
            }
            WebhookMode::Batch => {
                let mut body = lines(events, redelivery)?;
                body.insert(0, b'[');
                body.push(b']');
                (json("application/cloudevents-batch+json; charset=utf-8"), body)
            }
            WebhookMode::Binary => (attributes(&first.get(), redelivery)?, first.get().data().as_bytes().to_vec()),
        };
        fits("webhook-id", &id)?;
        Ok(Self { id, headers, body })
    }
}

fn json(media_type: &'static str) -> Headers {
    vec![("content-type".into(), media_type.into())]
}

/// The events in structured mode, with commas between them.
fn lines(events: &[SharedEvent], redelivery: bool) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::with_capacity(events.iter().map(|event| 640 + event.get().data().len()).sum());
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        let start = body.len();
        event.get().write_line(&mut body);
        if body.len() == start {
            return Err(impossible(format!("event {} cannot be written as JSON", event.get().full_id())));
        }
        if redelivery {
            body.splice(start..=start, *b"{\"redelivery\":true,");
        }
    }
    Ok(body)
}

/// The attributes of an event as headers.
fn attributes(event: &Stored<'_>, redelivery: bool) -> Result<Headers, Failure> {
    let mut headers = Headers::new();
    for (name, value) in event.attributes() {
        let value = encoded(&value.to_string());
        // The binding has a header of its own for this one.
        let name = if name == "datacontenttype" { "content-type".to_owned() } else { format!("ce-{name}") };
        fits(&name, &value)?;
        headers.push((name.into(), value));
    }
    if redelivery {
        headers.push(("ce-redelivery".into(), "true".into()));
    }
    Ok(headers)
}

fn fits(name: &str, value: &str) -> Result<(), Failure> {
    if value.len() <= LONGEST_HEADER {
        return Ok(());
    }
    Err(impossible(format!(
        "the header {name} would have {} bytes, more than the {LONGEST_HEADER} that receivers take",
        value.len()
    )))
}

/// What no later try makes possible.
fn impossible(why: String) -> Failure {
    Failure::Refused { why, at_once: true }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::collections::BTreeMap;

    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{
        super::tests::{event, named, shared},
        *,
    };

    fn request(mode: WebhookMode, events: &[SharedEvent]) -> Request {
        Request::new(mode, 1_000, events, false).unwrap()
    }

    fn refusal(mode: WebhookMode, events: &[SharedEvent]) -> String {
        match Request::new(mode, 3, events, false) {
            Err(Failure::Refused { why, at_once: true }) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_structured_request_is_the_line_of_the_event() {
        let events = shared([event("a b", "{\"n\":1}")]);
        let request = request(WebhookMode::Structured, &events);
        assert_eq!(request.body, events[0].get().to_line().into_bytes());
        assert_eq!(
            request.headers,
            [("content-type".into(), "application/cloudevents+json; charset=utf-8".to_owned())]
        );
        assert_eq!(request.id, "hq:a%20b");
    }

    #[test]
    fn a_batch_is_a_list_and_its_id_names_its_ends() {
        let events = shared([event("1", "1"), event("2 ", "2"), event("3", "3")]);
        let whole = request(WebhookMode::Batch, &events);
        let lines = events.iter().map(|event| event.get().to_line()).collect::<Vec<_>>().join(",");
        assert_eq!(String::from_utf8(whole.body).unwrap(), format!("[{lines}]"));
        let media_type = "application/cloudevents-batch+json; charset=utf-8".to_owned();
        assert_eq!(whole.headers, [("content-type".into(), media_type)]);
        assert_eq!(whole.id, "hq:1..hq:3");
        let one = request(WebhookMode::Batch, &events[1..2]);
        assert_eq!(one.id, "hq:2%20");
        assert!(serde_json::from_slice::<Value>(&one.body).unwrap().is_array());
    }

    #[test]
    fn a_binary_request_has_the_data_alone_as_its_body() {
        for (data, body) in [("{\"n\":1.50}", "{\"n\":1.50}"), ("", "null")] {
            let request = request(WebhookMode::Binary, &shared([event("1", data)]));
            assert_eq!(request.body, body.as_bytes());
            let headers: BTreeMap<_, _> = request.headers.into_iter().collect();
            assert_eq!(headers["content-type"], "application/json");
            assert!(!headers.contains_key("ce-datacontenttype"));
            assert_eq!((&*headers["ce-id"], &*headers["ce-specversion"]), ("hq:1", "1.0"));
        }
    }

    #[test]
    fn a_redelivery_says_so_in_every_mode() {
        let events = shared([event("1", "1"), event("2", "2")]);
        let again = |mode, events| Request::new(mode, 2, events, true).unwrap();
        let plain: Value = serde_json::from_str(&events[0].get().to_line()).unwrap();
        let mut marked = plain.clone();
        marked["redelivery"] = json!(true);
        let one: Value = serde_json::from_slice(&again(WebhookMode::Structured, &events[..1]).body).unwrap();
        assert_eq!(one, marked);
        let both: Value = serde_json::from_slice(&again(WebhookMode::Batch, &events).body).unwrap();
        assert_eq!(both[0], marked);
        assert_eq!((both.as_array().unwrap().len(), &both[1]["redelivery"]), (2, &json!(true)));
        let mark = ("ce-redelivery".into(), "true".to_owned());
        assert!(again(WebhookMode::Binary, &events[..1]).headers.contains(&mark));
        assert!(!request(WebhookMode::Binary, &events[..1]).headers.contains(&mark));
    }

    #[test]
    fn what_cannot_be_sent_is_refused_at_once_with_the_reason() {
        let four = shared(["1", "2", "3", "4"].map(|id| event(id, "1")));
        for mode in [WebhookMode::Structured, WebhookMode::Binary] {
            assert!(refusal(mode, &four[..2]).contains("2 events"), "{mode:?}");
        }
        assert!(refusal(WebhookMode::Batch, &four).contains("4 events were given for a request of 3"));
        for mode in [WebhookMode::Structured, WebhookMode::Binary, WebhookMode::Batch] {
            assert!(refusal(mode, &[]).contains("without an event"), "{mode:?}");
            let long_id = shared([event(&"x".repeat(LONGEST_HEADER), "1")]);
            assert!(refusal(mode, &long_id).contains("would have 8195 bytes"), "{mode:?}");
        }
        // Each of these takes three bytes for one.
        let long_name = shared([named("1", &"%".repeat(LONGEST_HEADER / 3 + 1))]);
        assert!(refusal(WebhookMode::Binary, &long_name).contains("ce-itemname would have 8193 bytes"));
        assert!(Request::new(WebhookMode::Structured, 1, &long_name, false).is_ok());
    }

    proptest! {
        #[test]
        fn binary_headers_decode_back_to_the_attributes(id in any::<String>(), name in any::<String>(), data in any::<u32>()) {
            let mut odd = named(&id, &name);
            odd.data = data.to_string().into();
            let events = shared([odd]);
            let binary = request(WebhookMode::Binary, &events);
            let structured = request(WebhookMode::Structured, &events);
            prop_assert_eq!(&binary.id, &structured.id);
            let mut decoded = serde_json::Map::new();
            for (name, value) in &binary.headers {
                prop_assert!(value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'), "{}: {}", name, value);
                let value = percent_decode_str(value).decode_utf8().unwrap().into_owned();
                let name = name.strip_prefix("ce-").unwrap_or("datacontenttype");
                prop_assert!(decoded.insert(name.to_owned(), value.into()).is_none(), "{} twice", name);
            }
            decoded.insert("data".to_owned(), serde_json::from_slice(&binary.body).unwrap());
            let line: Value = serde_json::from_slice(&structured.body).unwrap();
            prop_assert_eq!(Value::Object(decoded), line);
        }
    }
}
