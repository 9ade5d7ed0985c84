//! Who is online.

use super::*;

#[test]
fn the_first_list_is_the_state_and_what_differs_later_is_an_event() {
    let mut talk = Talk::new();
    talk.server.channels.insert(9, ("Shed".into(), None));
    talk.start();
    assert_eq!((talk.value("cameras/7"), talk.value("cameras/9")), (Some("online".into()), None));
    assert!(talk.stored.is_empty());
    for (status, kind, state) in
        [("Offline", "connection.lost", "offline"), ("ACTIVE", "connection.restored", "online")]
    {
        talk.server.channels.get_mut(&7).unwrap().1 = Some(status.into());
        talk.wait(40);
        let last = talk.stored.last().unwrap();
        assert_eq!((&*last.kind, &*last.item, last.origin), (kind, "cameras/7", Origin::Live));
        assert_eq!(talk.value("cameras/7").as_deref(), Some(state));
        assert!(last.data.contains("\"recording\":true") && !last.data.contains("secret"), "{}", last.data);
    }
    talk.server.channels.get_mut(&7).unwrap().1 = None;
    talk.wait(40);
    assert_eq!(talk.value("cameras/7").as_deref(), Some("unknown"));
    talk.wait(400);
    assert_eq!(talk.stored.len(), 3);
}

#[test]
fn what_changed_during_a_break_is_a_difference() {
    let mut talk = Talk::live();
    talk.server.channels.get_mut(&8).unwrap().1 = Some("inactive".into());
    talk.again(60);
    assert_eq!(talk.stored.len(), 1);
    assert_eq!((&*talk.stored[0].kind, talk.stored[0].origin), ("connection.lost", Origin::Snapshot));
}

#[test]
fn new_cameras_have_a_state_and_are_asked_for_their_names() {
    let mut talk = Talk::live();
    talk.server.channels.insert(9, ("Shed".into(), Some("active".into())));
    talk.server.channels.get_mut(&7).unwrap().0 = "Door".into();
    talk.wait(40);
    assert_eq!((talk.value("cameras/9").as_deref(), talk.stored.len()), (Some("online"), 0));
    let item = |id: &str| Forget::Item(id.to_owned().into());
    assert_eq!(talk.forgot, [item("cameras/7"), item("cameras/9")]);
}

#[test]
fn a_camera_that_is_gone_is_unknown_after_two_lists_without_it() {
    let mut talk = Talk::live();
    let gate = talk.server.channels.remove(&7).unwrap();
    talk.wait(34);
    assert_eq!(talk.value("cameras/7").as_deref(), Some("online"));
    talk.server.channels.insert(7, gate);
    talk.wait(34);
    talk.server.channels.clear();
    talk.wait(34);
    talk.server.channels_down = Some(Trouble::Status(500));
    talk.wait(100);
    assert_eq!(talk.value("cameras/7").as_deref(), Some("online"), "a list that fails tells nothing");
    talk.server.channels_down = None;
    talk.wait(70);
    assert_eq!(talk.value("cameras/7").as_deref(), Some("unknown"));
}

#[test]
fn a_list_that_is_not_to_be_had_stops_no_event() {
    for trouble in
        [Trouble::Status(403), Trouble::Status(401), Trouble::Html, Trouble::Timeout, Trouble::Busy(Some(60))]
    {
        let mut talk = Talk::new();
        talk.server.channels_down = Some(trouble.clone());
        talk.start();
        // Dates are cut to whole seconds: what happens in the very second of a first start was there before.
        talk.wait(2);
        let id = talk.happen(7);
        // A pause that it wants is one for events, too.
        talk.wait(if matches!(trouble, Trouble::Busy(_)) { 70 } else { 60 });
        assert_eq!((talk.ids(), talk.onlines, talk.end.is_none()), (vec![id], 1, true), "{trouble:?}");
        assert_eq!(talk.tokens, [false]);
        talk.server.channels_down = None;
        talk.wait(100);
        assert_eq!(talk.value("cameras/7").as_deref(), Some("online"), "{trouble:?}");
    }
}

#[test]
fn other_cameras_are_not_followed() {
    let mut config = config();
    config.cameras = Cameras::Only(vec![8]);
    let mut talk = Talk::with(config, |_| ());
    talk.start();
    talk.happen(7);
    let id = talk.happen(8);
    talk.wait(6);
    assert_eq!((talk.ids(), talk.value("cameras/7")), (vec![id], None));
}

#[test]
fn the_token_of_one_camera_asks_for_no_list() {
    let mut config = config();
    (config.scheme, config.cameras) = (Some(Scheme::Acc), Cameras::Only(vec![7]));
    let mut talk = Talk::with(config, |_| ());
    talk.start();
    let id = talk.happen(7);
    talk.wait(6);
    assert_eq!((talk.ids(), talk.calls_to("channels").len()), (vec![id], 0));
}

#[test]
fn a_licence_key_falls_back_to_the_other_list() {
    let mut config = config();
    config.scheme = Some(Scheme::LKey);
    let mut talk = Talk::with(config, |_| ());
    talk.start();
    assert_eq!((talk.calls_to("v3/channels").len(), talk.calls_to("v5/channels").len()), (1, 0));
    assert_eq!(talk.value("cameras/7").as_deref(), Some("online"));
    talk.server.channels_down = Some(Trouble::Status(403));
    talk.wait(34);
    assert_eq!(talk.calls_to("v5/channels").len(), 1);
}

#[test]
fn a_list_that_is_closed_to_a_licence_key_is_asked_for_at_leisure() {
    let mut config = config();
    config.scheme = Some(Scheme::LKey);
    let mut talk = Talk::with(config, |_| ());
    talk.server.channels_down = Some(Trouble::Status(403));
    talk.start();
    talk.server.channels_down = Some(Trouble::Status(401));
    talk.forget();
    talk.wait(300);
    let calls = talk.calls_to("v5/channels").len();
    assert!((9..=12).contains(&calls), "{calls}");
    assert_eq!((talk.onlines, talk.end.is_none(), talk.tokens.len()), (1, true, 1));
}

#[test]
fn a_new_camera_is_asked_for_its_name_once_when_an_event_comes_of_it() {
    let mut talk = Talk::live();
    talk.happen(99);
    talk.happen(99);
    talk.happen(7);
    talk.wait(6);
    assert_eq!(talk.forgot, [Forget::Item("cameras/99".into())]);
}

#[test]
fn a_licence_key_that_one_list_refuses_as_unknown_is_tried_with_the_other() {
    let mut config = config();
    config.scheme = Some(Scheme::LKey);
    let mut talk = Talk::with(config, |_| ());
    talk.server.channels_down = Some(Trouble::Status(401));
    talk.start();
    assert_eq!((talk.calls_to("v3/channels").len(), talk.calls_to("v5/channels").len()), (1, 1));
    talk.wait(20);
    assert_eq!(talk.calls_to("channels").len(), 2, "then it is left alone for a while");
    talk.wait(20);
    assert_eq!(talk.calls_to("v3/channels").len(), 2, "the next look begins anew");
}
