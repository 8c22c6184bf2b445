//! The monitor, the reference, and the requests as code, which run.

use std::process::Command;

use e2e::base64;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, in_browser},
    engines::{digits, example, page},
};

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

/// Returns the request as code of a kind, by its place.
fn code(browser: &Browser, kind: usize) -> String {
    browser.click(&format!("details.request .segments button:nth-child({})", kind + 1));
    browser.value("document.querySelector('details.request pre').textContent").as_str().expect("code").to_owned()
}

/// Runs a program beside the samples and returns the JSON that it prints. `None` if the program is not installed.
fn run(program: &str, arguments: &[&str]) -> Option<Value> {
    let output = Command::new(program).args(arguments).current_dir(example("digits/samples")).output();
    let Ok(output) = output else {
        println!("SKIPPED: {program} is not installed");
        return None;
    };
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

#[test]
fn the_request_as_code_gets_the_same_answer() {
    in_browser(|browser| {
        let engine = digits();
        browser.open(&engine, "/");
        browser.choose_files(&[example("digits/samples/3-59.png"), example("digits/samples/7-44.png")]);
        browser.run();
        browser.click("details.request summary");
        let curl = code(browser, 0);
        let javascript = code(browser, 3);
        let python = code(browser, 1);
        assert!(python.contains("encoded(\"3-59.png\")"), "{python}");
        let sample = |name: &str| json!({ "name": name, "datatype": "BYTES", "shape": [1], "data": [base64(std::fs::read(example(&format!("digits/samples/{name}"))).unwrap())] });
        let mut expected = engine.infer(&json!({ "inputs": [sample("3-59.png"), sample("7-44.png")] })).json();
        expected["id"].take();
        for (program, arguments) in
            [("sh", ["-c", &curl]), ("node", ["--input-type=module", &format!("--eval={javascript}")])]
        {
            if let Some(mut got) = run(program, &arguments) {
                got["id"].take();
                assert_eq!(got, expected, "{program}");
            }
        }
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
