//! The monitor and the reference.

use serde_json::{Value, json};

use crate::{browser::in_browser, engines::page};

#[test]
fn the_monitor_shows_what_the_engine_did() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/#monitor");
        browser.wait_for_text(".models-state", "speaker");
        browser.wait("the charts have begun", "document.querySelector('.chart .now strong') !== null");
        let letters = json!({ "inputs": [{ "data": ["a", "b"] }] });
        assert_eq!(engine.post("/v2/models/letters/infer", &letters).status, 200);
        let figure = |title: &str| {
            format!(
                "[...document.querySelectorAll('.chart')].find((one) => one.querySelector('figcaption').textContent === '{title}').querySelector('svg').getAttribute('aria-label')"
            )
        };
        browser.wait("a latency is shown", &format!("/p50 [0-9.]+ [mµ]?s/.test({})", figure("Latency")));
        browser.wait("the state is shown", "document.querySelector('.models-state .chip').textContent === 'ready'");
        browser.screenshot("monitor");
    });
}

#[test]
fn every_route_is_described_and_can_be_tried() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/#api");
        let document: Value = serde_json::from_str(&engine.get("/openapi.json").text).unwrap();
        let routes = document["paths"].as_object().unwrap().len();
        assert_eq!(browser.value("document.querySelectorAll('.operation').length"), routes);
        let at = browser.value(
            "[...document.querySelectorAll('.operation code')].findIndex((one) => one.textContent === '/infer') + 2",
        );
        let operation = format!(".operation:nth-child({at})");
        browser.click(&format!("{operation} > summary"));
        browser.wait_for_text(&operation, "The outputs.");
        browser.click(&format!("{operation} button.primary"));
        browser.wait_for_text(&format!("{operation} .facts"), "200");
        browser.screenshot("reference");
    });
}

#[test]
fn a_narrow_window_has_no_scroll_to_the_side() {
    in_browser(|browser| {
        let engine = page();
        browser.resize(500, 900);
        for path in ["/", "/#monitor", "/#api"] {
            browser.open(&engine, path);
            assert_eq!(
                browser.value("document.documentElement.scrollWidth <= document.documentElement.clientWidth"),
                true,
                "{path}"
            );
        }
        browser.screenshot("narrow");
    });
}
