//! Many items.

use std::time::Duration;

use watchpost::simulator::milestone::Options;

use super::Stage;

/// Scrolls for a while, and tells the longest task, the number of frames, and what is in the page then.
const SCROLL: &str = "new Promise((done) => {
    const scroller = document.querySelector('#items-scroller');
    const frames = [];
    const tasks = [];
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map((task) => task.duration))).observe({ type: 'longtask' });
    let last = performance.now();
    const begun = last;
    function frame(now) {
        frames.push(now - last);
        last = now;
        scroller.scrollTop += 400;
        if (now - begun < 3000) requestAnimationFrame(frame);
        else setTimeout(() => done({ task: Math.max(0, ...tasks), frames: frames.length,
            rows: document.querySelectorAll('#items-scroller .row').length, top: scroller.scrollTop }));
    }
    requestAnimationFrame(frame);
})";

#[test]
fn ten_thousand_items_are_scrolled_and_searched_without_stutter_while_events_come() {
    let options = Options { items: 5_000, rate: 100.0, ..Options::default() };
    let mut stage = Stage::with(options, "", "");
    stage.browser.open(&format!("{}/#/items", stage.url));
    let many = "Number(document.querySelector('#figure-items').innerText.replace(/\\D/g, '')) >= 10000";
    stage.browser.wait("ten thousand items", many);
    stage.browser.wait("all are told", "!document.querySelector('#items').hasAttribute('aria-busy')");
    let before = stage.browser.worked();
    let told = stage.browser.js(SCROLL);
    let worked = stage.browser.worked() - before;
    stage.browser.screenshot("many");
    let number = |name: &str| told[name].as_f64().unwrap();
    // Whatever there is, a few dozen rows are in the page.
    assert!(number("rows") < 60.0 && number("top") > 3_000.0, "{told}");
    // What a frame costs the page's own thread, whatever else the machine has to do. It is about 10 ms where each brings eight new rows, as here.
    let each = worked.as_secs_f64() * 1000.0 / number("frames");
    assert!(each < 30.0, "{each} ms a frame; {told}");
    // By the clock, so generous.
    assert!(number("task") < 500.0, "{told}");

    let name = stage.camera(4_000).1;
    let search = format!(
        "new Promise((done) => {{ const field = document.querySelector('#items-search'); const begun = performance.now(); field.value = {name:?};
         field.dispatchEvent(new InputEvent('input')); requestAnimationFrame(() => done(performance.now() - begun)) }})"
    );
    let took = Duration::from_secs_f64(stage.browser.js(&search).as_f64().unwrap() / 1000.0);
    assert!(took < Duration::from_millis(500), "{took:?}");
    stage.browser.wait_text("#items-scroller", &name);
    stage.end();
}
