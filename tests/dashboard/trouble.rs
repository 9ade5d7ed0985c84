//! What somebody sees when something is wrong, with them or with us.

use watchpost::simulator::milestone::{DropHow, Options};

use super::{Stage, tile};

/// A connection that is refused, and a sink that nobody listens to.
const REFUSED: &str = "[[connection]]\nname = \"annex\"\nvendor = \"milestone\"\nurl = \"SIMULATOR\"\nusername = \"somebody\"\n\
    password = { env = \"WRONG_PASSWORD\" }\n\
    subscribe = [{ modifier = \"include\", resource_types = [\"*\"], sources = [\"*\"], events = [\"*\"] }]\n\
    [[sink]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/\"\n";

#[test]
fn a_gap_and_a_halted_connection_cannot_be_overlooked_and_say_what_to_do() {
    let mut stage = Stage::with(Options { items: 10, ..Options::default() }, "", REFUSED);
    stage.open("");
    stage.browser.wait_text("#alerts", "annex is halted since");
    stage.browser.wait_text("#alerts", "then restart it");
    stage.browser.wait_text("#connections-scroller", "halted");
    stage.browser.wait_text("#alerts", "Sink hook cannot deliver since");
    stage.browser.wait_text("#sinks-list", "Connection refused");

    // A session can be resumed from an event; one that has brought none ends in another gap.
    let (camera, _) = stage.camera(0);
    stage.happens(&camera, "MotionStarted");
    stage.browser.wait_text("#feed-scroller", "Motion Started");
    stage.site.simulator.forget_sessions();
    stage.site.simulator.drop_sockets(DropHow::Reset);
    stage.browser.wait_text("#alerts", "Gap: events of hq from");
    stage.browser.wait_text("#alerts", "the break lasted longer than the gateway keeps a session");
    stage.browser.wait("the title", "document.title.startsWith('(3)')");
    stage.browser.wait_text("#feed-scroller", "Gap: events may be missing");
    stage.browser.shape((1440, 900), "light");
    stage.browser.screenshot("trouble-light");
    stage.browser.shape((390, 844), "dark");
    stage.browser.screenshot("trouble-phone-dark");
    stage.browser.shape((1440, 900), "light");

    // Whoever has taken note of a gap is not told again, after a reload either; of what is still wrong he is.
    stage
        .browser
        .js("[...document.querySelectorAll('#alerts button')].find((one) => one.innerText === 'Take note').click()");
    let told = "document.querySelector('#alerts').innerText";
    stage.browser.wait("no gap", &format!("!{told}.includes('Gap') && {told}.includes('halted')"));
    stage.browser.reload();
    stage.browser.wait_text("#alerts", "annex is halted");
    stage.browser.wait_text("#feed-scroller", "Gap: events may be missing");
    assert_eq!(stage.browser.js(&format!("{told}.includes('Gap')")), false);

    // To restart it takes two steps.
    let tries = "fetch('/api/v1/connections/annex').then((answer) => answer.json()).then((info) => info.tries)";
    let before = stage.browser.js(tries).as_u64().unwrap();
    stage
        .browser
        .js("[...document.querySelectorAll('#alerts button')].find((one) => one.innerText === 'Restart').click()");
    stage.browser.wait_text("#restart-dialog", "Restart annex?");
    stage.browser.click("#restart-confirm");
    stage.browser.wait_gone("#restart-dialog");
    super::eventually("another try", || stage.browser.js(tries).as_u64().unwrap() > before);
    stage.end();
}

#[test]
fn states_of_a_connection_that_is_away_are_grey_at_once() {
    let mut stage = Stage::start();
    stage.open("#/items");
    let stale = "document.querySelectorAll('#items-scroller .tile[data-stale]').length";
    assert_eq!(stage.browser.js(stale), 0);
    stage.site.simulator.pause_listening();
    stage.browser.wait("grey", &format!("{stale} > 9"));
    stage.browser.wait_text("#items-scroller .rows .site", "delayed since");
    stage.browser.screenshot("stale");
    stage.site.simulator.resume_listening().unwrap();
    stage.browser.wait("in colour", &format!("{stale} === 0"));
    stage.end();
}

#[test]
fn a_restart_of_the_server_is_survived_without_a_hand() {
    let mut stage = Stage::start();
    stage.open("#/feed");
    let (camera, _) = stage.camera(3);
    stage.happens(&camera, "MotionStarted");
    stage.browser.wait_text("#feed-scroller", "Motion Started");
    let counted = "Number(document.querySelector('#feed-status').innerText.replace(/\\D/g, ''))";
    let before = stage.browser.js(counted).as_u64().unwrap();

    stage.kill();
    stage.browser.wait_text("#banner", "Cut off from watchpost since");
    // It happens while nobody listens, and is brought when somebody does.
    stage.happens(&camera, "RecordingStarted");
    stage.run();
    stage.browser.wait_gone("#banner");
    stage.browser.wait(
        "the event of meanwhile",
        "document.querySelector('#feed-scroller').innerText.includes('Recording Started')",
    );
    let after = stage.browser.js(counted).as_u64().unwrap();
    let events = "[...document.querySelectorAll('#feed-scroller [data-key]')].map((row) => row.dataset.key)";
    assert!(after > before, "what was there stays: {before}, {after}");
    assert_eq!(stage.browser.js(&format!("new Set({events}).size === {events}.length")), true);

    // An id without data counts, too: it is how a stream says how far it is.
    let frames = "import('/assets/sse.js').then(({ Frames }) => [...new Frames().push('id: 7\\n\\n:\\n\\n')])";
    assert_eq!(stage.browser.js(frames), serde_json::json!([{"event": "message", "data": "", "id": "7"}]));

    // The streams live again, both of them.
    stage.happens(&camera, "MotionStopped");
    stage.browser.wait_text("#feed-scroller", "Motion Stopped");
    stage.browser.open(&format!("{}/#/items", stage.url));
    stage.browser.wait("the state", &format!("{} === 'Clear'", tile(&camera, "Motion")));
    stage.browser.assert_quiet(&stage.url, &["net::ERR_"]);
}

#[test]
fn a_gap_is_shown_however_much_has_happened_since() {
    let mut stage = Stage::start();
    stage.open("");
    let (camera, _) = stage.camera(0);
    stage.happens(&camera, "MotionStarted");
    stage.browser.wait_text("#feed-scroller", "Motion Started");
    stage.site.simulator.forget_sessions();
    stage.site.simulator.drop_sockets(DropHow::Reset);
    stage.browser.wait_text("#alerts", "Gap: events of hq from");
    stage.browser.wait_text("#connections-scroller", "online");
    stage.happens_often(&camera, 400);

    // A page that is opened then begins with the last events, and asks no more than it must.
    let before = stage.browser.requests_with("/api/v1/events?");
    stage.browser.reload();
    stage.browser.wait_text("#feed-scroller", "Motion Started");
    stage.browser.wait_text("#alerts", "Gap: events of hq from");
    let shown = stage.browser.js("Number(document.querySelector('#feed-status').innerText.replace(/\\D/g, ''))");
    assert!(shown.as_u64().unwrap() <= 110, "{shown}");
    assert_eq!(stage.browser.requests_with("/api/v1/events?") - before, 3);
    let press = |label: &str| {
        format!(
            "[...document.querySelectorAll('#alerts .actions > *')].find((one) => one.innerText === {label:?}).click()"
        )
    };
    stage.browser.js(&press("Show"));
    stage.browser.wait_text("#event-body", "the break lasted longer than the gateway keeps a session");
    stage.browser.key("Escape");
    stage.browser.wait_gone("#event-dialog");
    stage.browser.js(&press("Show in feed"));
    stage.browser.wait_text("#feed-scroller", "Gap: events may be missing");

    // Those that are too old to be looked for are told by their number.
    stage.browser.js(&press("Take note"));
    stage.browser.wait_gone("#alerts");
    stage.browser.js("import('/assets/store.js').then(({ store }) => store.setOlderGaps(new Map([['hq', 3]])))");
    stage.browser.wait_text("#alerts", "3 older gaps: events of hq may be missing");
    stage.browser.js(&press("Take note"));
    stage.browser.wait_gone("#alerts");
    stage.end();
}

#[test]
fn a_page_that_nobody_looked_at_goes_on_with_what_happens_now() {
    let mut stage = Stage::start();
    stage.open("#/feed");
    let (camera, _) = stage.camera(0);
    stage.happens(&camera, "MotionStarted");
    stage.browser.wait_text("#feed-scroller", "Motion Started");
    let hide = |hidden: bool| {
        format!(
            "Object.defineProperty(document, 'hidden', {{ configurable: true, get: () => {hidden} }});
             document.dispatchEvent(new Event('visibilitychange'))"
        )
    };
    stage.browser.js(&hide(true));
    stage.browser.wait("it has let go", "document.body.hasAttribute('data-cut')");
    stage.browser.wait_text("#banner", "nobody looked at this page");
    stage.happens_often(&camera, 2_400);
    stage.browser.js(&hide(false));
    stage.browser.wait_gone("#banner");
    stage.browser.wait_text("#feed-status", "of while this page was away are not");
    stage.browser.wait_text("#feed-status", "2,000 shown");
    stage.happens(&camera, "RecordingStarted");
    stage.browser.wait_text("#feed-scroller", "Recording Started");
    stage.end();
}

/// A browser has six connections to a host, for all its windows.
#[test]
fn five_windows_side_by_side_are_all_live() {
    let mut stage = Stage::start();
    stage.open("");
    let page = format!("{}/#/feed", stage.url);
    (0..4).for_each(|_| stage.browser.beside(&page));
    let open = "fetch('/metrics').then((answer) => answer.text()).then((text) => / 5$/.test(text.match(/^watchpost_http_streams\\{kind=\"both\"\\}.*$/m)?.[0]))";
    stage.browser.wait("each has its stream", open);
    stage.browser.js("import('/assets/api.js').then(async ({ get }) => { for (let n = 0; n < 20; n++) await get('/sinks').catch(() => {}); })");
    let (camera, _) = stage.camera(0);
    stage.happens(&camera, "MotionStarted");
    stage.browser.wait_gone("#banner");
    stage.end();
}

/// Lets a test put frames into the stream, hide a connection, and let the sinks be refused.
const BETWEEN: &str = "const ask = window.fetch;
    window.between = { gone: false, refused: false };
    window.fetch = async (url, options) => {
        if (between.refused && url.includes('/sinks')) return new Response('{\"detail\":\"not now\"}', { status: 503 });
        const answer = await ask(url, options);
        if (url.includes('/stream')) {
            const through = new TransformStream({ start: (control) => { between.tell = (text) => control.enqueue(new TextEncoder().encode(text)); } });
            return new Response(answer.body.pipeThrough(through), answer);
        }
        if (between.gone && url.includes('/connections?')) return new Response('{\"items\":[],\"next\":null}');
        return answer;
    };";

#[test]
fn items_of_a_connection_that_was_removed_go_with_it() {
    let mut stage = Stage::start();
    stage.browser.prepare(BETWEEN);
    stage.open("#/items");
    stage.browser.wait("all are told", "!document.querySelector('#items').hasAttribute('aria-busy')");
    stage.browser.js("between.gone = true; between.tell('event: removed\\ndata: {\"connection\":\"hq\"}\\n\\n')");
    stage.browser.wait("no item", "document.querySelectorAll('#items-scroller a.item').length === 0");
    stage.browser.wait("no item", "document.querySelector('#figure-items').innerText === '0'");
    stage.end();
}

#[test]
fn what_is_not_told_any_more_is_said_to_be_old() {
    let mut stage = Stage::start();
    stage.browser.prepare(BETWEEN);
    stage.open("");
    stage.browser.js("between.refused = true");
    stage.browser.wait_text("#banner", "the sinks as of");
    stage.browser.wait_text("#banner", "not now");
    // The streams live, so the states are in colour.
    assert_eq!(stage.browser.js("document.body.hasAttribute('data-cut')"), false);
    stage.browser.js("between.refused = false");
    stage.browser.wait_gone("#banner");
    stage.end();
}
