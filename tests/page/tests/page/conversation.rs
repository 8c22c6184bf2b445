//! Conversations: messages that are entered, and replies that arrive in parts.

use serde_json::json;

use crate::{
    browser::{Browser, in_browser},
    engines::page,
};

/// Returns the roles and the texts of the messages.
fn messages(browser: &Browser) -> serde_json::Value {
    browser.value(
        "[...document.querySelectorAll('.messages li')].map((one) => \
         [one.querySelector('select').value, one.querySelector('textarea').value])",
    )
}

#[test]
fn a_conversation_is_continued() {
    in_browser(|browser| {
        let engine = page();
        browser.open(&engine, "/");
        browser.choose_model("parrot");
        assert_eq!(messages(browser), json!([["user", "Name three primary colors."]]));
        // Its many parameters are folded, so that the button is in sight.
        assert_eq!(browser.value("document.querySelector('details.many').open"), false);
        browser.run();
        browser.wait_for_text(".said", "1 messages, the last one: Name three primary colors.");
        // The reply becomes a message, and the next one is to be written.
        browser.click(".result > .row button");
        let reply = "1 messages, the last one: Name three primary colors.";
        let begun = json!([["user", "Name three primary colors."], ["assistant", reply], ["user", ""]]);
        assert_eq!(messages(browser), begun);
        assert_eq!(browser.value("document.querySelector('.result > .row')"), serde_json::Value::Null);
        browser.run();
        assert!(browser.text(".fault .message").contains("Message 3: expected a text"));
        browser.type_into(".messages li:last-child textarea", "And a fourth?");
        browser.run();
        browser.wait_for_text(".said", "3 messages, the last one: And a fourth?");
        browser.screenshot("conversation");
        // Messages are added and removed, and a role is chosen.
        browser.value("scrollTo(0, 0)");
        browser.click(".messages li:nth-child(2) .icon");
        browser.click(".messages li:nth-child(2) .icon");
        browser.click(".editor .row button");
        browser.type_into(".messages li:last-child textarea", "Blue is one.");
        browser.click(".messages li:last-child option[value=tool]");
        assert_eq!(messages(browser), json!([["user", "Name three primary colors."], ["tool", "Blue is one."]]));
        browser.click(".run input[type=checkbox]");
        browser.run();
        browser.wait_for_text(".said", "2 messages, the last one: Blue is one.");
        browser.click("details.request summary");
        assert!(browser.text("details.request pre").contains(r#"{"role":"tool","content":"Blue is one."}"#));
        // The last message stays.
        browser.value("scrollTo(0, 0)");
        browser.click(".messages li:nth-child(1) .icon");
        browser.click(".messages li:nth-child(1) .icon");
        assert_eq!(messages(browser), json!([["tool", "Blue is one."]]));
    });
}
