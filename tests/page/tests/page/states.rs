//! Engines that load, that go away and return, and that refuse.

use std::fs;

use crate::{browser::in_browser, engines::start};

#[test]
fn an_engine_that_loads_is_waited_for() {
    in_browser(|browser| {
        let folder = tempfile::tempdir().unwrap();
        let gate = folder.path().join("gate");
        let engine = start(&[("SPEAKER_PAGE_GATE", gate.to_str().unwrap())]);
        browser.open(&engine, "/");
        browser.wait_for_text("#state", "starting");
        browser.wait_for_text("#notice", "not ready");
        browser.screenshot("loading");
        browser.run();
        browser.wait_for_text(".fault", "503");
        fs::write(&gate, "").unwrap();
        browser.wait_for_text("#state", "ready");
        browser.wait("the notice is gone", "document.querySelector('#notice').hidden");
        browser.run();
        browser.wait_for_text(".said", "Good morning");
        assert!(browser.errors().iter().all(|error| error.contains("503")));
    });
}

#[test]
fn an_engine_that_goes_away_is_found_again() {
    in_browser(|browser| {
        let first = start(&[]);
        first.wait_until_ready();
        let port = first.address().port().to_string();
        browser.open(&first, "/");
        browser.wait_for_text("#state", "ready");
        drop(first);
        browser.click("button.primary");
        browser.wait_for_text(".fault", "No response");
        browser.wait_for_text("#state", "gone");
        browser.wait_for_text("#notice", "does not answer");
        let second = start(&[("CHARIOT_ENGINE_PORT", &port)]);
        second.wait_until_ready();
        browser.wait_for_text("#state", "ready");
        browser.run();
        browser.wait_for_text(".said", "Good morning");
        // The browser tells of the connections that were refused.
        assert!(browser.errors().iter().all(|error| error.contains("net::ERR")));
    });
}

#[test]
fn the_page_works_under_a_base_url() {
    in_browser(|browser| {
        for base in ["/base", "/v2/models/speaker"] {
            let engine = start(&[("CHARIOT_ENGINE_BASE_URL", base)]);
            engine.wait_until_ready();
            for path in [base.to_owned(), format!("{base}/"), "/".to_owned()] {
                browser.open(&engine, &path);
                browser.run();
                browser.wait_for_text(".said", "Good morning");
                browser.click(".models option:nth-child(4)");
                browser.replace(".texts textarea", "letters");
                browser.run();
                browser.wait_for_text(".vector", "27 numbers");
            }
        }
    });
}
