//! Events and states on one connection.

use crate::{
    api::{Api, settings},
    common::{DEADLINE, Rig, eventually, options},
    sse::Sse,
};

const BOTH: &str = "/api/v1/stream";

#[test]
fn one_connection_carries_events_and_states_and_resumes_the_events() {
    let rig = Rig::online(options());
    let api = Api::start(rig.engine(), settings());
    let mut client = Sse::open(api.address, &format!("{BOTH}?type=motion.*,gap"));
    assert_eq!(client.status, 200);
    let (mut states, mut begin) = (0, None);
    // Both begin at once, in whatever order.
    loop {
        let frame = client.next().unwrap();
        begin = begin.or(frame.id);
        states += usize::from(frame.is("state"));
        if frame.is("present") {
            assert_eq!(frame.data["states"], states);
            break;
        }
    }
    assert!(states > 0);
    rig.sim.emit(60);
    let (mut events, mut changes, mut last) = (0, 0, 0);
    while events < 3 || changes < 3 {
        let frame = client.next().unwrap();
        if frame.is("event") {
            assert!(frame.id.unwrap() > last.max(begin.unwrap()), "in their order");
            assert!(frame.data["type"].as_str().unwrap().starts_with("motion."), "{}", frame.data);
            last = frame.id.unwrap();
            events += 1;
        } else if frame.is("state") {
            assert_eq!(frame.id, None, "a state is no place in the journal");
            changes += 1;
        }
    }
    drop(client);
    let stored = rig.info().status.events;
    rig.sim.emit(40);
    eventually(DEADLINE, "they are stored", || rig.info().status.events >= stored + 40);
    let mut client = Sse::resume(api.address, BOTH, last);
    let mut alone = Sse::resume(api.address, "/api/v1/events/stream", last);
    for _ in 0..40 {
        assert_eq!(client.event("event").id, alone.event("event").id, "what was missed, whole");
    }
    let mut client = Sse::resume(api.address, BOTH, last);
    client.event("present");
}

#[test]
fn both_end_together_and_give_their_place_back() {
    let rig = Rig::online(options());
    let mut api = Api::start(rig.engine(), settings());
    let mut client = Sse::open(api.address, &format!("{BOTH}?item=none"));
    client.event("present");
    api.stop();
    client.end();
}
