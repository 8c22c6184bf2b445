//! What holds of every refusal: it is short, of one line, and holds nothing of the payload, of Rust or of this machine.
//! And what holds of the memory that reading an input took. The targets call it.

/// A text that the seeds have in the place of payload: no refusal repeats it, unless it is a name.
pub const CANARY: &str = "Paylo4dCanary";

/// The longest refusal, in bytes: ten faults, each with a name or two of 64 characters.
const LONGEST: usize = 8192;

/// What no refusal holds, unless the caller's own names hold it.
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

/// Names of Rust's types that are words of their own.
const TYPES: [&str; 11] = ["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f32", "f64", "bool"];

/// Checks the text that the sender of `input` reads.
///
/// # Panics
/// It holds what it must not, or says nothing.
pub fn refusal(text: &str, input: &[u8]) {
    assert!(!text.trim().is_empty(), "a refusal says something");
    assert!(text.len() <= LONGEST, "a refusal is short, this has {} bytes: {}...", text.len(), &text[..200]);
    assert!(!text.chars().any(char::is_control), "a refusal is one line of text: {text:?}");
    let came = String::from_utf8_lossy(input);
    // With escapes the caller can write anything in other letters.
    if came.contains("\\u") {
        return;
    }
    for word in FORBIDDEN {
        // After a name stands a colon.
        let is_theirs = came.contains(word.trim_end_matches(':'));
        assert!(!text.contains(word) || is_theirs, "a refusal holds {word:?}: {text}");
    }
    let words = || text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    for word in TYPES {
        assert!(!words().any(|found| found == word) || came.contains(word), "a refusal holds {word:?}: {text}");
    }
    // A caller's name that holds a quote cannot be told from the rest.
    if text.contains(CANARY) && !is_a_name(&came) && !came.contains('\'') {
        let told = without_quoted(text);
        assert!(!told.contains(CANARY), "a refusal repeats the payload: {text}");
    }
}

/// Whether the canary stands in the name of some member.
fn is_a_name(came: &str) -> bool {
    came.match_indices(CANARY).any(|(at, _)| {
        let mut escaped = false;
        let rest = came[at..].split_once(|letter| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        });
        rest.is_some_and(|(_, after)| after.trim_start().starts_with(':'))
    })
}

/// The text without the caller's short names, which stand between quotes.
fn without_quoted(text: &str) -> String {
    text.split('\'').step_by(2).collect()
}

/// Checks what reading an input of `length` bytes cost: the tensors that it gave, `per_byte` bytes for each of its own,
/// and a little.
///
/// # Panics
/// It was more.
pub(crate) fn cost(cost: usize, length: usize, per_byte: usize, tensors: usize) {
    const LITTLE: usize = 64 << 10;
    let most = tensors + per_byte * length + LITTLE;
    assert!(cost <= most, "reading {length} bytes cost {cost}, {most} is the most");
}
