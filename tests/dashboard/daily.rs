//! What somebody sees and does who watches all day.

use std::time::{Duration, Instant};

use watchpost::simulator::milestone::{Options, Simulator};

use super::{PASSWORD, Stage, TOKEN, tile};

#[test]
fn follows_a_change_within_a_second() {
    let mut stage = Stage::start();
    stage.open("#/items");
    let (camera, name) = stage.camera(3);
    let changes = [("MotionStarted", "Detected"), ("MotionStopped", "Clear")];
    let mut times = Vec::new();
    for (what, value) in changes.into_iter().cycle().take(5) {
        let begun = Instant::now();
        stage.happens(&camera, what);
        stage.browser.wait(value, &format!("{} === {value:?}", tile(&camera, "Motion")));
        times.push(begun.elapsed());
    }
    // The machine may stand still once or twice.
    times.sort_unstable();
    assert!(times[2] < Duration::from_secs(1), "{times:?}");
    stage.browser.open(&format!("{}/#/feed", stage.url));
    stage.browser.wait_text("#feed-scroller", &name);
    stage.end();
}

#[test]
fn finds_items_by_words_by_site_and_by_state_and_keeps_the_filter_in_the_address() {
    let mut stage = Stage::start();
    stage.open("#/items");
    let (camera, name) = stage.camera(2);
    let (other, _) = stage.camera(5);
    stage.happens(&camera, "MotionStarted");
    stage.happens(&other, "MotionStopped");
    stage.browser.wait("motion", &format!("{} === 'Detected'", tile(&camera, "Motion")));

    stage.browser.choose("#items-state", "motion=detected");
    let all_move = "[...document.querySelectorAll('#items-scroller a.item')].length > 0 &&
        [...document.querySelectorAll('#items-scroller a.item')].every((row) => row.innerText.includes('Detected'))";
    stage.browser.wait("only those with motion", all_move);
    stage.browser.choose("#items-state", "");
    stage.browser.write("#items-search", &name.to_uppercase());
    let shown = stage.site.simulator.sources("cameras").len();
    stage.browser.wait_text("#items-count", " of ");
    stage.browser.wait("by its name", &format!("document.querySelectorAll('#items-scroller a.item').length < {shown}"));
    stage.browser.wait_text("#items-scroller", &name);
    stage.browser.write("#items-search", "no such thing as this");
    stage.browser.wait_text("#items-empty", "No item is like that");

    // It is part of the address: a reload, or somebody else who is given it, sees the same.
    stage.browser.write("#items-search", &name);
    stage.browser.wait_text("#items-count", " of ");
    stage.browser.reload();
    stage.browser.wait_text("#items-count", " of ");
    assert_eq!(stage.browser.js("document.querySelector('#items-search').value"), name);
    stage.end();
}

#[test]
fn an_item_has_a_page_with_its_states_and_its_history_which_goes_on() {
    let mut stage = Stage::start();
    stage.open("#/items");
    let (camera, name) = stage.camera(1);
    for what in ["MotionStarted", "MotionStopped", "RecordingStarted"] {
        stage.happens(&camera, what);
    }
    stage.browser.wait("recording", &format!("{} === 'On'", tile(&camera, "Recording")));
    stage.browser.click(&format!("#items-scroller a[href*='{}']", camera.replace('/', "%2F")));
    stage.browser.wait_text("#item-name", &name);
    stage.browser.wait_text("#item-states", "Recording");
    stage.browser.wait("three events", "document.querySelectorAll('#item-history li').length >= 3");
    let newest = stage.browser.text("#item-history li:first-child");
    assert!(newest.contains("Recording Started"), "{newest}");

    stage.happens(&camera, "RecordingStopped");
    stage.browser.wait_text("#item-history li:first-child", "Recording Stopped");
    stage.browser.click("#item-history li:first-child button");
    stage.browser.wait_text("#event-body", "recording.stopped");
    stage.browser.key("Escape");
    stage.browser.wait_gone("#event-dialog");
    stage.end();
}

#[test]
fn an_items_history_leaves_nothing_out_however_much_there_is() {
    let mut stage = Stage::start();
    stage.open("#/feed");
    let (camera, _) = stage.camera(1);
    stage.happens_often(&camera, 2_200);
    stage.browser.js(&format!("location.hash = '#/items/hq/' + encodeURIComponent('{camera}')"));
    let rows = "document.querySelectorAll('#item-history li').length";
    let is_all = "document.querySelector('#item-status').innerText.startsWith('That is all')";
    let is_read = format!("{is_all} || document.querySelector('#item-older').checkVisibility()");
    stage.browser.wait("a first look", &is_read);
    while stage.browser.js(is_all) == false {
        stage.browser.js("document.querySelector('#item-older').click()");
        stage.browser.wait("more of it", &is_read);
    }
    let shown = stage.browser.js(rows).as_u64().unwrap();
    assert!(shown >= 2_200, "{shown}");
    stage.end();
}

#[test]
fn pause_holds_the_feed_and_says_how_many_wait() {
    let mut stage = Stage::start();
    stage.open("#/feed");
    let (camera, name) = stage.camera(0);
    stage.happens(&camera, "MotionStarted");
    stage.browser.wait_text("#feed-scroller", &name);
    stage.browser.click("#feed-pause");
    let before = stage.browser.text("#feed-scroller");
    for _ in 0..7 {
        stage.happens(&camera, "MotionStopped");
    }
    stage.browser.wait_text("#feed-status", "7 events waiting");
    assert_eq!(stage.browser.text("#feed-scroller"), before);
    stage.browser.key("p");
    stage.browser.wait_text("#feed-scroller", "Motion Stopped");
    stage.browser.wait_text("#feed-status", "shown");
    stage.end();
}

#[test]
fn the_keyboard_reaches_everything() {
    let mut stage = Stage::start();
    stage.open("#/items");
    stage.browser.wait("rows", "document.querySelectorAll('#items-scroller a.item').length > 3");
    stage.browser.js("document.activeElement.blur()");
    stage.browser.key("/");
    stage.browser.wait("the search has the focus", "document.activeElement.id === 'items-search'");
    // Behind the two selections comes the list, of which one row can be reached; the others by arrows.
    for _ in 0..3 {
        stage.browser.key("Tab");
    }
    stage.browser.wait("the site has the focus", "document.activeElement.matches('#items-scroller .site')");
    stage.browser.key("End");
    let last = "document.activeElement.closest('[aria-posinset]')";
    stage.browser.wait("the last row", &format!("{last}.ariaPosInSet === {last}.ariaSetSize"));
    assert_eq!(stage.browser.js("getComputedStyle(document.activeElement).outlineStyle"), "solid");
    // Where that row is filtered away, the list can be reached all the same.
    let name = stage.camera(0).1;
    stage.browser.write("#items-search", &name);
    stage.browser.wait_text("#items-count", " of ");
    for _ in 0..3 {
        stage.browser.key("Tab");
    }
    stage.browser.wait("the list has the focus", "document.activeElement.closest('#items-scroller [aria-posinset]')");
    stage.browser.write("#items-search", " ");
    stage.browser.wait("all items", "document.querySelectorAll('#items-scroller a.item').length > 3");
    for _ in 0..3 {
        stage.browser.key("Tab");
    }
    stage.browser.key("End");
    stage.browser.key("ArrowUp");
    stage.browser.wait("the row before it", &format!("Number({last}.ariaPosInSet) === Number({last}.ariaSetSize) - 1"));
    stage.browser.key("Enter");
    stage.browser.wait_text("#item-states", "since");
    for part in ["header", "nav", "main", "h2"] {
        assert_eq!(stage.browser.js(&format!("document.querySelectorAll('{part}').length > 0")), true, "{part}");
    }
    stage.end();
}

#[test]
fn a_name_is_text_whatever_is_in_it() {
    let options = Options { items: 10, password: PASSWORD.to_owned(), ..Options::default() };
    let simulator = Simulator::start(options).unwrap();
    let long = "very long ".repeat(60);
    let names = ["<img src=x onerror=alert(1)><script>alert(2)</script>", "مدخل gnp.exe 🎥 &amp;", long.trim()];
    let cameras = simulator.sources("cameras");
    for (camera, name) in cameras.iter().zip(names) {
        assert!(simulator.rename_item(camera, name));
    }
    let mut stage = Stage::of(simulator, "", "");
    // High enough for all of them.
    stage.browser.shape((1440, 2000), "light");
    stage.open("#/items");
    for (camera, name) in cameras.iter().zip(names) {
        let camera = camera.replace('/', "%2F");
        let row = format!("document.querySelector('#items-scroller a[href*=\"{camera}\"] .title')");
        stage.browser.wait(name, &format!("{row}.textContent === {}", serde_json::to_string(name).unwrap()));
    }
    // As events tell them, too.
    stage.happens(&cameras[0], "MotionStarted");
    stage.browser.js("location.hash = '#/feed'");
    stage.browser.wait_text("#feed-scroller", "<script>alert(2)");
    stage.browser.screenshot("names");
    assert_eq!(stage.browser.js("document.querySelectorAll('main img, main script').length"), 0);
    let fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    assert_eq!(stage.browser.js(fits), true);
    stage.end();
}

#[test]
fn where_a_token_is_wanted_it_is_asked_for_once() {
    let mut stage = Stage::with(Default::default(), "token = { env = \"SITE_TOKEN\" }", "");
    stage.browser.open(&stage.url.clone());
    stage.browser.wait("it asks", "document.querySelector('#token-dialog').open");
    assert_eq!(stage.browser.text("#figure-items"), "–");
    stage.browser.write("#token-field", "not it");
    stage.browser.key("Enter");
    stage.browser.wait_text("#token-error", "refused");
    // What no header can take as it is, is a wrong token like others.
    stage.browser.write("#token-field", "not it…\u{200b}é");
    stage.browser.key("Enter");
    stage.browser.wait("it asks anew", "document.querySelector('#token-field').value === ''");
    stage.browser.wait_text("#token-error", "refused");
    for _ in 0..3 {
        stage.browser.key("Escape");
    }
    stage.browser.wait("it still asks", "document.querySelector('#token-dialog').open");
    stage.browser.write("#token-field", TOKEN);
    stage.browser.key("Enter");
    stage.browser.wait_text("#connections-scroller", "online");
    stage.browser.wait_gone("#token-dialog");
    stage.browser.wait("states", "document.querySelectorAll('#items-scroller .tile').length > 9");
    stage.browser.wait("events", "document.querySelectorAll('#feed-scroller .event').length > 0");
    // The tab keeps it.
    stage.browser.reload();
    stage.browser.wait_text("#connections-scroller", "online");
    assert_eq!(stage.browser.js("document.querySelector('#token-dialog').open"), false);
    assert_eq!(stage.browser.js("localStorage.getItem('watchpost.token')"), serde_json::Value::Null);
    stage.browser.assert_quiet(&stage.url, &["401 (Unauthorized)"]);
}
