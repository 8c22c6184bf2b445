//! The conditions that cases can require of a server. `suite::load` rejects unknown ones, so that a typo does not skip
//! a case forever; `target::learn` finds out which conditions hold.

/// The conditions and their meanings.
const CONDITIONS: [(&str, &str); 33] = [
    ("declared-inputs", "the metadata names the inputs"),
    ("any-inputs", "the model accepts tensors of any name, datatype and shape"),
    ("tensors", "inputs are named tensors"),
    ("numeric", "the first input is a tensor of numbers"),
    ("items", "every input is an item and is answered with an output"),
    ("image", "an item is an image"),
    ("text", "an item is a text"),
    ("json", "an item is a JSON value"),
    ("row", "an item is a row of structured data"),
    ("echo", "the outputs are the inputs"),
    ("repeatable", "the same request gives the same outputs again"),
    ("variable-batch", "the first dimension of the first input is open"),
    ("fixed-shape", "another dimension of the first input is fixed"),
    ("two-inputs", "the valid request has two inputs or more"),
    ("outputs", "the metadata names the outputs"),
    ("two-outputs", "the metadata names two outputs or more"),
    ("metadata", "the server has metadata"),
    ("version", "the metadata has a version"),
    ("openapi", "the server has an OpenAPI document"),
    ("example", "GET /openapi.json has an example of an inference"),
    ("task", "the server names its task"),
    ("base", "--base is given"),
    ("model-id", "the id of the model on the platform is given"),
    ("closed-actions", "the actions are a closed set"),
    ("compress-responses", "the server is configured to compress responses"),
    ("small-limit", "the server is configured with a small body limit"),
    ("streaming", "responses can be streamed"),
    ("openai", "GET /v1/models lists the model"),
    ("openai-chat", "POST /v1/chat/completions answers a conversation"),
    ("openai-logprobs", "POST /v1/chat/completions reports the logarithmic probabilities of tokens"),
    ("openai-completions", "POST /v1/completions continues a text"),
    ("openai-embeddings", "POST /v1/embeddings returns the vector of a text"),
    ("embedded", "the server is part of these tests"),
];

/// The prefixes of conditions that end in a name.
const FAMILIES: [(&str, &str); 5] = [
    ("extension:", "GET /v2 lists the extension"),
    ("task:", "the task is"),
    ("layout:", "the output layout is"),
    ("encoding:", "the output encoding is"),
    ("scripted:", "the scripted engine of these tests is"),
];

/// Returns `true` if two names of tasks or layouts are the same, ignoring case, spaces, `_` and `-`.
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    let folded = |name: &str| -> String {
        name.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).flat_map(char::to_lowercase).collect()
    };
    folded(a) == folded(b)
}

/// Returns `true` if the condition exists, with or without `not:`.
pub(crate) fn is_known(need: &str) -> bool {
    means(need).is_some()
}

/// Returns the meaning of a condition.
pub(crate) fn means(need: &str) -> Option<String> {
    let name = need.strip_prefix("not:").unwrap_or(need);
    let one = CONDITIONS.iter().find(|(known, _)| *known == name).map(|(_, means)| (*means).to_string());
    one.or_else(|| {
        FAMILIES.iter().find_map(|(family, means)| {
            name.strip_prefix(family).filter(|rest| !rest.is_empty()).map(|rest| format!("{means} '{rest}'"))
        })
    })
}
