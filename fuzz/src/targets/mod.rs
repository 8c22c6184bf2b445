//! The targets, a file each, and the list of them.
//!
//! A target takes any bytes, reads them as a caller's or an operator's, and panics when something does not hold: that
//! nothing panics, that what is accepted means what serde_json says it means, that a refusal says what it may and no
//! more, and that neither costs memory out of proportion.

mod binary;
mod coding;
mod form;
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

/// What a target made of an input.
///
/// ```
/// use fuzz::{Outcome, named, one};
///
/// let outcome = one(named("json").unwrap(), b"{}").unwrap();
/// assert_eq!(outcome, Outcome::Refused("inputs: a list of inputs is expected, the member is missing".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was accepted; the number tells kinds of it apart.
    Accepted(u64),
    /// It was refused with this text.
    Refused(String),
}

/// Something that decodes.
///
/// ```
/// assert!(fuzz::TARGETS.iter().any(|target| target.name == "json"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of the folder of its seeds.
    pub name: &'static str,
    /// What an input of it is.
    pub about: &'static str,
    /// Runs it on an input; panics when a check does not hold.
    pub run: fn(&[u8]) -> Outcome,
    /// What mutations put in.
    pub words: &'static [&'static str],
}

/// Every target.
pub const TARGETS: [Target; 12] = [
    Target { name: "json", about: "a request in JSON", run: json::json, words: request::WORDS },
    Target {
        name: "binary",
        about: "a request in JSON with binary tensors after it; the first byte says how its length is told",
        run: binary::binary,
        words: request::WORDS,
    },
    Target { name: "raw", about: "data type, shape, and a body that is a tensor", run: raw::raw, words: &[] },
    Target {
        name: "response",
        about: "as binary: the inputs go out as outputs, in JSON and in binary form, and are read again",
        run: response::response,
        words: request::WORDS,
    },
    Target { name: "typed", about: "a JSON value for a type of an author's", run: typed::typed, words: typed::WORDS },
    Target {
        name: "parameters",
        about: "a JSON object of parameters",
        run: parameters::parameters,
        words: parameters::WORDS,
    },
    Target {
        name: "image",
        about: "a picture: its file, or after an odd first byte its base64",
        run: image::image,
        words: image::WORDS,
    },
    Target { name: "form", about: "a body under any head, of either protocol", run: form::form, words: form::WORDS },
    Target {
        name: "coding",
        about: "a stream of a content coding, or after an odd first byte what is to become one",
        run: coding::coding,
        words: coding::WORDS,
    },
    Target { name: "row", about: "as binary: the rows of the request", run: row::row, words: request::WORDS },
    Target { name: "settings", about: "variables, a line each", run: settings::settings, words: settings::WORDS },
    Target {
        name: "server",
        about: "a whole request: method and path, headers, an empty line, the body",
        run: server::server,
        words: server::WORDS,
    },
];

/// The target of this name.
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// The number of a kind of accepted input.
fn kind(of: impl std::hash::Hash) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
