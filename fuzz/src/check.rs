//! The checks of every error message: it is short, has one line, and contains nothing of the payload, of Rust or of this
//! machine. And the check of the memory that decoding an input takes. The targets call them.

/// The payload of many seeds: no message repeats it, unless it is a name.
pub const CANARY: &str = "Paylo4dCanary";

/// The longest message, in bytes: ten faults, each with one or two names of 64 characters.
const MAX_LENGTH: usize = 8192;

/// The words that no message contains, unless the caller's own names contain them.
const FORBIDDEN: [&str; 25] = [
    "src/",
    "panicked",
    "backtrace",
    "RUST_",
    "Some(",
    "None",
    "Ok(",
    "Err(",
    "Option",
    "Vec",
    "Result",
    "&str",
    "String",
    "serde",
    "struct ",
    "enum ",
    "usize",
    "Zoo",
    "Choice",
    "Sampling",
    "untagged",
    "core::",
    "std::",
    "/work",
    "/tmp",
];

/// The names of Rust's types that no message contains as whole words.
const TYPES: [&str; 11] = ["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f32", "f64", "bool"];

/// Checks the message that the sender of `input` reads.
///
/// # Panics
/// Panics if the message is empty or contains something that it must not.
pub fn message(text: &str, input: &[u8]) {
    assert!(!text.trim().is_empty(), "the message is empty");
    assert!(text.len() <= MAX_LENGTH, "the message is too long, {} bytes: {}...", text.len(), &text[..200]);
    assert!(!text.chars().any(char::is_control), "the message has control characters: {text:?}");
    let sent = String::from_utf8_lossy(input);
    // With escapes, the caller can spell any word in other characters.
    if sent.contains("\\u") {
        return;
    }
    for word in FORBIDDEN {
        // A colon follows a name.
        let is_theirs = sent.contains(word.trim_end_matches(':'));
        assert!(!text.contains(word) || is_theirs, "the message contains {word:?}: {text}");
    }
    let words = || text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    for word in TYPES {
        assert!(!words().any(|found| found == word) || sent.contains(word), "the message contains {word:?}: {text}");
    }
    // A caller's name that contains a quote cannot be distinguished from the rest.
    if text.contains(CANARY) && !is_a_name(&sent) && !sent.contains('\'') {
        assert!(!without_quoted(text).contains(CANARY), "the message repeats the payload: {text}");
    }
}

/// Returns `true` if the canary is in the name of a member.
fn is_a_name(sent: &str) -> bool {
    sent.match_indices(CANARY).any(|(at, _)| {
        let mut escaped = false;
        let rest = sent[at..].split_once(|letter| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        });
        rest.is_some_and(|(_, after)| after.trim_start().starts_with(':'))
    })
}

/// Removes the caller's names, which are between quotes.
fn without_quoted(text: &str) -> String {
    text.split('\'').step_by(2).collect()
}

/// Checks the memory for decoding an input of `length` bytes: the decoded tensors, `per_byte` bytes for each byte of the
/// input, and a constant.
///
/// # Panics
/// Panics if the cost exceeds this limit.
pub(crate) fn cost(cost: usize, length: usize, per_byte: usize, tensors: usize) {
    const CONSTANT: usize = 64 << 10;
    let limit = tensors + per_byte * length + CONSTANT;
    assert!(cost <= limit, "expected at most {limit} bytes of memory for an input of {length} bytes, got {cost}");
}
