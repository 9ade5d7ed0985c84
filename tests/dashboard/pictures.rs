//! The demo as people see it, and pictures of it.

use std::{collections::BTreeSet, fs::File, process::Stdio};

use serde_json::{Value, json};

use super::{
    browser::Browser,
    cli_support::{Watchpost, eventually, program},
};

#[test]
fn the_demo_is_shown_with_all_its_connections_and_states_in_light_and_dark_and_on_a_phone() {
    let folder = tempfile::tempdir().unwrap();
    let said = folder.path().join("stdout");
    let mut command = program(&["demo", "--listen", "127.0.0.1:0", "--rate", "40"]);
    let child = command.stdout(File::create(&said).unwrap()).stderr(Stdio::null()).spawn().unwrap();
    let _demo = Watchpost(child);
    let address = || {
        let text = std::fs::read_to_string(&said).unwrap_or_default();
        let (_, rest) = text.split_once("dashboard at ")?;
        let (url, _) = rest.split_once(['\n', ';'])?;
        Some(url.trim_end_matches('/').to_owned())
    };
    eventually("it says where the dashboard is", || address().is_some());
    let url = address().unwrap();
    let mut browser = Browser::start();
    browser.shape((1440, 900), "light");
    browser.open(&url);
    for connection in ["hq", "stores", "Springfield Store", "Riverside Store", "home", "yard"] {
        browser.wait_text("#connections-scroller", connection);
    }
    let states = browser.wait("states", "document.querySelectorAll('#items-scroller .tile').length > 20");
    assert_eq!(states, true);

    // As many items as the API tells, and the states of those that are to be seen.
    let told = browser.js("fetch('/api/v1/states?limit=1000').then((answer) => answer.json())");
    let told = told["items"].as_array().unwrap().clone();
    let items: BTreeSet<_> =
        told.iter().map(|state| (state["connection"].to_string(), state["item"].to_string())).collect();
    browser.wait("all items", &format!("document.querySelector('#figure-items').innerText === '{}'", items.len()));
    let home = |state: &&Value| state["connection"] == "home" && state["group"] == "battery";
    let batteries = told.iter().filter(home).count();
    browser.choose("#items-site", "home");
    browser.shape((1440, 1600), "light");
    let shown = "[...document.querySelectorAll('#items-scroller .tile:not([hidden]) .group')].filter((one) => one.innerText === 'Battery').length";
    browser.wait("each state of the house", &format!("{shown} === {batteries}"));
    // A number has its unit.
    let temperature =
        told.iter().find(|state| state["connection"] == "home" && state["group"] == "temperature").unwrap();
    assert_ne!(temperature["text"], temperature["value"]);
    let shown = super::tile(temperature["item"].as_str().unwrap(), "Temperature");
    browser.wait("the temperature", &format!("{shown} === {}", temperature["text"]));
    browser.choose("#items-site", "");

    // One reading tells no rate.
    let rates =
        "Promise.all([import('/assets/charts.js'), import('/assets/time.js')]).then(([{ Series }, { rate }]) => {
        const series = new Series();
        return [0, 1, 2].map((second) => (series.push(second * 1000, second * second * 20), rate(series.now)));
    })";
    assert_eq!(browser.js(rates), json!(["–", "20", "40"]));

    let readings = std::env::var("WATCHPOST_TEST_READINGS").map_or(3, |text| text.parse().unwrap());
    for count in 2..=readings {
        let points = "document.querySelector('#connections-scroller .chart .line').getAttribute('d').split('L').length";
        browser.wait("one more reading in the chart", &format!("{points} >= {count}"));
    }
    for (name, size, scheme, view) in [
        ("overview-light", (1440, 900), "light", ""),
        ("overview-dark", (1440, 900), "dark", ""),
        ("overview-small", (1300, 900), "light", ""),
        ("overview-phone", (390, 844), "light", ""),
        ("items-phone", (390, 844), "light", "items"),
        ("feed-phone-dark", (390, 844), "dark", "feed"),
        ("connections-phone", (390, 844), "light", "connections"),
        ("sinks-light", (1440, 900), "light", "sinks"),
    ] {
        browser.shape(size, scheme);
        browser.js(&format!("location.hash = '#/{view}'"));
        let is_shown = format!("document.body.dataset.view === '{}'", if view.is_empty() { "overview" } else { view });
        browser.wait(view, &is_shown);
        browser.screenshot(name);
        let fits = browser.js("document.documentElement.scrollWidth <= innerWidth");
        assert_eq!(fits, true, "{name}: nothing stands out of the page");
        if name == "overview-small" {
            // Reasons and the repeats that were left out may be longer than any line.
            let cut = browser.js(
                "[...document.querySelectorAll('.connection:has(.badge[data-tone=ok]) :is(.badge > span, .title, .muted, .reason)')]
                    .filter((one) => one.scrollWidth > one.clientWidth && !one.innerText.includes('left out')).map((one) => one.innerText)",
            );
            assert_eq!(cut, json!([]), "how each connection is doing can be read");
        }
    }
    browser.assert_quiet(&url, &[]);
}
