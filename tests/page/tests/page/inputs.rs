//! Images, rows and texts: from what a person enters to what they see.

use e2e::until;

use crate::{
    browser::in_browser,
    engines::{digits, example, iris, page},
};

#[test]
fn a_digit_is_read_from_a_file() {
    in_browser(|browser| {
        let engine = digits();
        browser.open(&engine, "/");
        assert_eq!(browser.text("#title"), "digits");
        browser.wait_for_text("#state", "ready");
        browser.choose_files(&[example("digits/samples/3-59.png")]);
        browser.run();
        assert_eq!(browser.text(".bars .first .name"), "3");
        assert!(browser.text(".facts .chip").starts_with("200"));
        // A second image gets an answer of its own.
        browser.choose_files_beside(&[example("digits/samples/7-44.png")], 2);
        browser.run();
        assert_eq!(browser.value("document.querySelectorAll('.answer').length"), 2);
        browser.screenshot("digits");
        // A file that is no image is refused by the engine, and shown without a preview.
        browser.click(".thumbs li .icon");
        browser.click(".thumbs li .icon");
        browser.choose_files(&[example("digits/Cargo.toml")]);
        browser.run();
        browser.wait_for_text(".fault", "400");
        assert!(browser.text(".fault .message").contains("input 'Cargo.toml': expected"));
        // The browser itself tells of the refusal.
        assert!(browser.errors().iter().all(|error| error.contains("400")));
    });
}

#[test]
fn flowers_are_entered_in_a_table() {
    in_browser(|browser| {
        let engine = iris();
        browser.open(&engine, "/");
        for (column, value) in [(2, "6.3"), (3, "3.3"), (4, "6.0"), (5, "2.5")] {
            browser.replace(&format!("table.edit td:nth-child({column}) input"), value);
        }
        browser.click(".editor .row button");
        for (column, value) in [(2, "5.0"), (3, "3.4"), (4, "1.5"), (5, "0.2")] {
            browser.type_into(&format!("table.edit tr:nth-child(2) td:nth-child({column}) input"), value);
        }
        browser.run();
        let cell = |row: usize| browser.text(&format!(".result tbody tr:nth-child({row}) td:nth-child(2)"));
        assert_eq!(browser.value("document.querySelectorAll('.result tbody tr').length"), 2);
        assert_eq!((cell(1), cell(2)), ("virginica".to_owned(), "setosa".to_owned()));
        assert!(browser.text(".result .facts").contains("probabilities FP32 [2, 3]"));
        browser.screenshot("iris");
        // A cell that is no number is not sent.
        browser.replace("table.edit tr:nth-child(1) td:nth-child(2) input", "long");
        browser.run();
        assert!(browser.text(".fault .message").contains("expected a number, got long"));
        // As JSON, shape and type are checked while they are typed.
        browser.click(".segments button:nth-child(2)");
        browser.replace(".editor textarea", "[[1, 2, 3, 4], [5, 6, 7]]");
        assert!(browser.text(".verdict.bad").contains("lists of one length"));
        browser.replace(".editor textarea", "[1, 2, 3, 4, 5, 6, 7, 8]");
        assert_eq!(browser.text(".verdict.good"), "FP32 [2, 4]");
    });
}

#[test]
fn a_text_is_streamed_and_stopped() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/");
        assert_eq!(browser.value("document.querySelector('.texts textarea').value"), "Good morning");
        browser.run();
        browser.wait_for_text(".said", "Good morning");
        browser.wait("the whole answer is there", "document.querySelector('details.whole') !== null");
        // A text that would take a minute is stopped, and the engine notices.
        let before = cancellations(&engine);
        browser.type_into("input[name=times]", "600");
        browser.type_into("input[name=pause]", "50");
        browser.click("button.primary");
        browser.wait_for_text(".said", "Good morning Good");
        browser.screenshot("stream");
        browser.click(".run button.quiet");
        browser.wait_for_text(".stopped", "Stopped");
        until("the engine has cancelled the request", || (cancellations(&engine) > before).then_some(()));
    });
}

/// Returns the number of requests that were cancelled.
fn cancellations(engine: &e2e::Process) -> u64 {
    let metrics = engine.get("/metrics").text;
    let lines = metrics.lines().filter(|line| line.starts_with("chariot_cancellations_total{"));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[test]
fn parameters_are_sent_only_if_they_are_set() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/");
        browser.run();
        browser.click("details.request summary");
        assert!(!browser.text("details.request pre").contains("parameters"));
        browser.type_into("input[name=times]", "2");
        browser.run();
        browser.wait_for_text(".said", "Good morning Good morning");
        browser.click("details.request summary");
        assert!(browser.text("details.request pre").contains(r#""parameters":{"times":2}"#));
    });
}
