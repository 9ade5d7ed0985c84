//! A day in a quiet house, in half a minute: a second stands for the hour that a token lives.

use serde_json::Value;
use watchpost::simulator::simplisafe::{Fault, Options};

use crate::cloud::{Cloud, options};
use crate::common::{DEADLINE, MS, SECOND, eventually, pace};

#[test]
fn a_day_passes_on_one_socket_with_every_token_renewed_and_no_event_missed() {
    let options = Options { token_life: SECOND, faults: vec![Fault::OneUse, Fault::ReuseKills], ..options() };
    let cloud = Cloud::polling(options, 500 * MS);
    cloud.wait_truth();
    let sid = cloud.first();
    let camera = cloud.sim.cameras(sid)[1].clone();
    let mut told = Vec::new();
    for _ in 0..6 {
        pace(3_500 * MS);
        told.push(cloud.sim.camera_motion(sid, &camera).unwrap());
    }
    eventually(DEADLINE, "24 tokens", || cloud.sim.counters().refreshes >= 24);
    for event in told {
        eventually(DEADLINE, "it is told", || cloud.told(event).len() == 1);
        assert_eq!(cloud.told(event)[0]["origin"], "live");
    }
    let counters = cloud.sim.counters();
    assert_eq!((counters.sockets_opened, counters.sockets_of_one_user, counters.reused), (1, 1, 0));
    assert_eq!((cloud.gaps(), cloud.is_online()), (Vec::<Value>::new(), true));
    cloud.wait_told();
    cloud.wait_truth();
}
