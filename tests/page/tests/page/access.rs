//! Engines that ask for a token.

use crate::{
    browser::{Browser, in_browser},
    engines::start,
};

fn is_open(browser: &Browser) -> bool {
    browser.value("document.querySelector('#token-dialog').open") == true
}

fn wait_for_dialog(browser: &Browser, text: &str) {
    browser.wait("the page asks", "document.querySelector('#token-dialog').open");
    browser.wait_for_text("#token-text", text);
}

#[test]
fn the_page_asks_for_the_token_once() {
    in_browser(|browser| {
        let engine = start(&[("CHARIOT_ENGINE_TOKEN", "sesame")]);
        engine.wait_until_ready();
        browser.visit(&format!("http://{}/", engine.address()));
        wait_for_dialog(browser, "asks for a token");
        browser.screenshot("token");
        // Who cancels is not asked again, except by the button.
        browser.click("#token-cancel");
        browser.wait_for_text(".waiting", "Waiting");
        assert!(!is_open(browser));
        browser.click("#token");
        wait_for_dialog(browser, "asks for a token");
        // A wrong token is told apart from none.
        browser.replace("#token-field", "simsim");
        browser.click("#token-dialog .primary");
        wait_for_dialog(browser, "refuses the token");
        // Escape leaves the token as it was.
        browser.replace("#token-field", "other");
        browser.type_into("#token-field", "\u{e00c}");
        browser.wait("the dialog is closed", "!document.querySelector('#token-dialog').open");
        assert_eq!(browser.value("sessionStorage.getItem('chariot-engine-token')"), "simsim");
        // Enter uses the token.
        browser.click("#token");
        browser.replace("#token-field", "sesame\u{e007}");
        browser.wait("the page knows the engine", "document.querySelector('.panel') !== null");
        browser.run();
        browser.wait_for_text(".said", "Good morning");
        browser.click("details.request summary");
        assert!(!browser.text("details.request pre").contains("sesame"), "the token is not in the code");
        // Another view asks with it too, and the page that is loaded again.
        browser.click("#tab-monitor");
        browser.wait_for_text(".engine-state", "CHARIOT_ENGINE_TOKEN");
        assert!(browser.text(".engine-state").contains("***") && !browser.text(".engine-state").contains("sesame"));
        browser.open(&engine, "/");
        assert!(!is_open(browser));
        browser.value("sessionStorage.clear()");
        // The browser itself tells of the refusals.
        assert!(browser.errors().iter().all(|error| error.contains("401")));
    });
}
