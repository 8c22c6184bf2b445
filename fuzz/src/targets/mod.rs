//! The targets, one file each, and the list of them.
//!
//! A target decodes any bytes as input from a caller or an operator, and panics if a check fails: nothing panics, an
//! accepted input means the same as it does to serde_json, an error message reveals nothing that it must not, and the
//! memory of either stays in proportion.

mod binary;
mod body_format;
mod coding;
mod http1;
mod http2;
mod image;
mod json;
mod parameters;
mod raw;
mod request;
mod response;
mod row;
mod server;
mod settings;
mod typed;

/// The result of one input.
///
/// ```
/// use fuzz::{Outcome, run_one, target};
///
/// let outcome = run_one(target("json").unwrap(), b"{}").unwrap();
/// assert_eq!(outcome, Outcome::Rejected("inputs: expected a list of inputs, got nothing".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The input was accepted; the number distinguishes classes of accepted inputs.
    Accepted(u64),
    /// The input was rejected with this message.
    Rejected(String),
}

/// A decoder under test.
///
/// ```
/// assert!(fuzz::TARGETS.iter().any(|target| target.name == "json"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the target and of the folder with its seeds.
    pub name: &'static str,
    /// A description of its inputs.
    pub about: &'static str,
    /// Runs the target on an input; panics if a check fails.
    pub run: fn(&[u8]) -> Outcome,
    /// The words that mutations insert.
    pub words: &'static [&'static str],
}

/// Every target.
pub const TARGETS: [Target; 14] = [
    Target { name: "json", about: "a JSON request", run: json::json, words: request::WORDS },
    Target {
        name: "binary",
        about: "a JSON request followed by binary tensors; the first byte decides how the length of the JSON is given",
        run: binary::binary,
        words: request::WORDS,
    },
    Target { name: "raw", about: "a data type, a shape, and a body that is only a tensor", run: raw::raw, words: &[] },
    Target {
        name: "response",
        about: "as binary; encodes the inputs as outputs, in JSON and in binary form, and decodes them again",
        run: response::response,
        words: request::WORDS,
    },
    Target { name: "typed", about: "a JSON value for an author's type", run: typed::typed, words: typed::WORDS },
    Target {
        name: "parameters",
        about: "a JSON object of parameters",
        run: parameters::parameters,
        words: parameters::WORDS,
    },
    Target {
        name: "image",
        about: "an image: its file, or after an odd first byte its base64",
        run: image::image,
        words: image::WORDS,
    },
    Target {
        name: "form",
        about: "a body with any headers, of either protocol",
        run: body_format::body_format,
        words: body_format::WORDS,
    },
    Target {
        name: "coding",
        about: "a stream of a content coding, or after an odd first byte a body to compress",
        run: coding::coding,
        words: coding::WORDS,
    },
    Target { name: "row", about: "as binary; decodes the rows of the request", run: row::row, words: request::WORDS },
    Target {
        name: "settings",
        about: "environment variables, one per line",
        run: settings::settings,
        words: settings::WORDS,
    },
    Target {
        name: "server",
        about: "a complete HTTP request: method and path, headers, an empty line, the body",
        run: server::server,
        words: server::WORDS,
    },
    Target {
        name: "http1",
        about: "the steps of clients of HTTP/1 on their connections, one per line",
        run: http1::http1,
        words: http1::WORDS,
    },
    Target {
        name: "http2",
        about: "the steps of clients of HTTP/2 on their connections, one per line",
        run: http2::http2,
        words: http2::WORDS,
    },
];

/// Returns the target with this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Returns the number of a class of accepted inputs.
fn class_of(of: impl std::hash::Hash) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
