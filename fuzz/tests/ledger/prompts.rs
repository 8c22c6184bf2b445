//! Requests of prompts and conversations, for models that generate text: as inputs, and with the tokens and the template of a
//! generator.

use chariot_engine::prelude::*;

use crate::{
    bodies::{items, list},
    held::Case,
};

/// The most items of a request.
const ITEMS: usize = 16_384;

/// Returns a request of one conversation.
fn conversation(messages: &str) -> String {
    items(&list(messages, 1), "{}")
}

/// A text of the whole context would count from its start.
const FEW: &str = "{\"max_tokens\":8}";

/// Returns a message with a content.
fn message(content: &str) -> String {
    format!("{{\"role\":\"user\",\"content\":{content}}}")
}

fn quoted(text: &str, times: usize) -> String {
    format!("\"{}\"", text.repeat(times))
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let long = quoted("x", 2 << 20);
    let stops = format!("{{\"stop\":{}}}", list(&quoted("s", 1024), 16));
    cases.push(Case::items::<Prompt>("a long prompt", items(&list(&long, 1), "{}")));
    cases.push(Case::items::<Prompt>("many prompts with stop texts", items(&list("\"a\"", ITEMS), &stops)).many());

    cases.push(Case::items::<Chat>("a long message", conversation(&list(&message(&long), 1))));
    let escaped = message(&quoted("\\n", 1 << 20));
    cases.push(Case::items::<Chat>("a long message with escapes", conversation(&list(&escaped, 1))));
    cases.push(Case::items::<Chat>("many messages", conversation(&list(&message("\"a\""), 50_000))));
    cases.push(Case::items::<Chat>("many empty messages", conversation(&list(&message("null"), 50_000))));
    let object = format!("{{\"messages\":{},\"other\":[1]}}", list(&message("\"some words\""), 30_000));
    cases.push(Case::items::<Chat>("an object with messages", conversation(&object)));
    let named = "{\"role\":\"user\",\"name\":\"n\",\"content\":\"a\",\"tool_calls\":[],\"other\":[{}]}";
    cases.push(Case::items::<Chat>("messages with names", conversation(&list(named, 30_000))));
    let parts = message(&list("{\"type\":\"text\",\"text\":\"a\"}", 60_000));
    cases.push(Case::items::<Chat>("a message of many parts", conversation(&list(&parts, 1))));
    let pair = message(&list("{\"type\":\"text\",\"text\":\"\\n\"}", 2));
    cases.push(Case::items::<Chat>("messages of two parts", conversation(&list(&pair, 20_000))));
    let prompt = quoted("a\\n", 1 << 19);
    cases.push(Case::items::<Chat>("a prompt with escapes for a chat", conversation(&prompt)));
    let short = list(&message("\"a\""), 1);
    cases.push(Case::items::<Chat>("many conversations", items(&list(&short, ITEMS), "{}")).many());
    let gif = "data:image/gif;base64,R0lGODdhAQABAIAAAAAAAP///ywAAAAAAQABAAACAkQBADs=";
    let picture = format!("{{\"type\":\"image_url\",\"image_url\":{{\"url\":\"{gif}\"}}}}");
    cases.push(Case::items::<Chat>("pictures", conversation(&list(&message(&list(&picture, 5_000)), 1))));

    let words = quoted("a ", 100_000);
    cases.push(Case::generated::<Prompt>("the tokens of a prompt", items(&list(&words, 1), FEW)));
    cases.push(Case::generated::<Chat>("the tokens of a message", items(&list(&list(&message(&words), 1), 1), FEW)));
    let spaces = quoted(" ", 1 << 20);
    cases.push(Case::generated::<Chat>("a message of spaces", items(&list(&list(&message(&spaces), 1), 1), FEW)));
    cases.push(Case::generated::<Chat>(
        "the tokens of messages",
        items(&list(&list(&message("\"a b\""), 20_000), 1), FEW),
    ));
    cases
}
