//! Texts that would run if the page took them for markup: of the engine, of files, and of errors.

use std::fs;

use crate::{
    browser::in_browser,
    engines::{example, page},
};

/// The name of a file that would run as markup. A slash cannot be in it.
const FILE: &str = "<img src=x onerror=window.ran=true>.png";

#[test]
fn nothing_of_an_engine_or_a_file_runs() {
    in_browser(|browser| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        fs::copy(example("digits/samples/3-59.png"), &file).unwrap();
        let engine = page();
        browser.open(&engine, "/");
        let is_calm = || {
            assert_eq!(
                browser.value("window.ran === undefined && document.querySelector('img[onerror]') === null"),
                true
            )
        };

        // The text of an error.
        browser.replace(".texts textarea", "<img src=x onerror=window.ran=true>");
        browser.run();
        browser.wait_for_text(".fault .message", "cannot say <img src=x onerror=window.ran=true>");
        is_calm();
        // A name of a file, and a label.
        browser.click(".models option:nth-child(2)");
        browser.choose_files(&[file]);
        browser.run();
        browser.wait_for_text(".found", "<img src=x onerror=");
        assert_eq!(browser.text(".thumbs .name"), FILE);
        browser.click("details.raw summary");
        for depth in 1..=5 {
            browser.value("document.querySelectorAll('.raw details').forEach((one) => (one.open = true))");
            browser.wait(
                "the tree opens",
                &format!("document.querySelectorAll('.raw details details').length >= {depth}"),
            );
        }
        browser.wait_for_text(".raw", "onerror");
        browser.click("details.request summary");
        browser.wait_for_text("details.request pre", "onerror");
        is_calm();
        // The description.
        browser.open(&engine, "/#api");
        browser.wait_for_text(".reference", "<img src=x onerror=\"window.ran=true\">");
        is_calm();
        // The policy stops a script that a page would let in.
        browser.value("(() => { const script = document.createElement('script'); script.textContent = 'window.ran = true'; document.body.append(script); })()");
        is_calm();
        let errors = browser.errors();
        assert!(errors.iter().any(|error| error.contains("Content Security Policy")), "{errors:?}");
    });
}
