//! The conditions that cases may make of a server, by name. `suite::load` refuses others, so that a slip of the pen does
//! not make a case that is always skipped; `target::learn` finds out which hold.

/// The conditions, and what each means.
const CONDITIONS: [(&str, &str); 26] = [
    ("declared-inputs", "the metadata names the inputs"),
    ("any-inputs", "tensors of any name, type and shape are taken"),
    ("tensors", "inputs are named tensors"),
    ("numeric", "the first input is a tensor of numbers"),
    ("items", "an input is an item, and each is answered by an output"),
    ("image", "an item is an image"),
    ("text", "an item is a text"),
    ("json", "an item is a JSON value"),
    ("row", "an item is a row of structured data"),
    ("echo", "the outputs are the inputs"),
    ("variable-batch", "the first dimension of the first input is open"),
    ("fixed-shape", "another dimension of the first input is fixed"),
    ("two-inputs", "the valid request has two inputs or more"),
    ("outputs", "the metadata names the outputs"),
    ("two-outputs", "the metadata names two outputs or more"),
    ("metadata", "the metadata is answered"),
    ("version", "the metadata has a version"),
    ("openapi", "GET /openapi.json is answered"),
    ("example", "GET /openapi.json has an example of an inference"),
    ("base", "--base is given"),
    ("model-id", "the platform's id of the model is given"),
    ("closed-actions", "the actions are a closed set"),
    ("compress-responses", "the server was told to compress its answers"),
    ("small-limit", "the server was told to take small bodies only"),
    ("streaming", "answers can be streamed"),
    ("embedded", "the server is part of these tests"),
];

/// The beginnings of conditions that end in a name of something.
const FAMILIES: [(&str, &str); 5] = [
    ("extension:", "GET /v2 lists the extension"),
    ("task:", "the task is"),
    ("layout:", "the layout of answers is"),
    ("encoding:", "the encoding of answers is"),
    ("scripted:", "the scripted engine of these tests is"),
];

/// Whether there is such a condition, with or without `not:`.
pub(crate) fn is_known(need: &str) -> bool {
    means(need).is_some()
}

/// What a condition means.
pub(crate) fn means(need: &str) -> Option<String> {
    let name = need.strip_prefix("not:").unwrap_or(need);
    let one = CONDITIONS.iter().find(|(known, _)| *known == name).map(|(_, means)| (*means).to_string());
    one.or_else(|| {
        FAMILIES.iter().find_map(|(family, means)| {
            name.strip_prefix(family).filter(|rest| !rest.is_empty()).map(|rest| format!("{means} '{rest}'"))
        })
    })
}
