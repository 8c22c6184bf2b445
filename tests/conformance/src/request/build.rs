//! Construction of a request from a step of a case and the facts known about the server.

use serde_json::Value;

use super::{
    binary::{base64, binary},
    coding::compress,
    patch::patch,
};
use crate::{
    http::Request,
    suite::{Base, HeaderValue, Names, Step, Writing, is_one_name},
    target::Facts,
    tensor::{Tensor, of_request},
};

/// A request, and its tensors if they are known.
pub(crate) struct Made {
    pub(crate) request: Request,
    pub(crate) sent: Vec<Tensor>,
}

/// A body, with the headers that describe it.
#[derive(Default)]
struct Body {
    bytes: Vec<u8>,
    document: Option<Value>,
    json: bool,
    length: Option<String>,
}

/// Builds the request.
pub(crate) fn make(step: &Step, facts: &Facts, names: &Names) -> Result<Made, String> {
    let path = step.path.as_deref().unwrap_or("{{infer}}");
    let has_body = step.base.is_some_and(|base| base != Base::None)
        || step.body.is_some()
        || step.body_base64.is_some()
        || step.body_item
        || step.binary.is_some()
        || !step.patch.is_empty();
    let infers = path.ends_with("{{infer}}") || path.ends_with("/infer");
    let method = step.method.as_deref().unwrap_or(if has_body || infers { "POST" } else { "GET" });
    let method = names.text(method, Writing::Plain)?;
    let body = body(step, facts, names, method == "POST" && step.base.is_none())?;

    let mut headers = Vec::new();
    if body.json {
        headers.push(("Content-Type".to_string(), "application/json".to_string()));
    }
    if let Some(length) = body.length {
        headers.push(("Inference-Header-Content-Length".to_string(), length));
    }
    let mut bytes = body.bytes;
    if let Some(coding) = &step.coding {
        let coding = names.text(coding, Writing::Plain)?;
        bytes = compress(&coding, &bytes)?;
        headers.push(("Content-Encoding".to_string(), coding));
        bytes.truncate(bytes.len().saturating_sub(step.coding_cut));
        if let Some(more) = &step.coding_append_base64 {
            bytes.extend(base64(more)?);
        }
    }
    for (name, value) in &step.headers {
        if !matches!(value, HeaderValue::Sent(true)) {
            headers.retain(|(default, _)| !default.eq_ignore_ascii_case(name));
        }
        let values: &[String] = match value {
            HeaderValue::One(value) => std::slice::from_ref(value),
            HeaderValue::Many(values) => values,
            HeaderValue::Sent(_) => &[],
        };
        for value in values {
            match names.value(&value.as_str().into())? {
                Value::Bool(false) => {}
                Value::String(value) => headers.push((name.clone(), value)),
                other => headers.push((name.clone(), other.to_string())),
            }
        }
    }
    let request =
        Request { method, path: names.text(path, Writing::Path)?, headers, body: bytes, chunked: step.chunked };
    Ok(Made { request, sent: body.document.as_ref().map(of_request).unwrap_or_default() })
}

fn body(step: &Step, facts: &Facts, names: &Names, valid_if_none: bool) -> Result<Body, String> {
    if let Some(text) = &step.body_base64 {
        return Ok(Body { bytes: base64(text)?, json: true, ..Body::default() });
    }
    if step.body_item {
        let sample = facts.sample.as_ref().ok_or("no item of this server is known")?;
        return Ok(Body { bytes: sample.bytes.clone(), ..Body::default() });
    }
    let (text, document) = if let Some(text) = &step.body {
        // A body that is a single placeholder becomes the value of the placeholder.
        let writing = if is_one_name(text) { Writing::Plain } else { Writing::Json };
        let text = names.text(text, writing)?;
        // Long bodies whose content no check uses are not parsed.
        let read = step.binary.is_some() || step.expect.iter().any(|expect| expect.echo);
        let document = if read { serde_json::from_str(&text).ok() } else { None };
        (text, document)
    } else {
        let base = match step.base {
            Some(Base::Two) => facts.two(),
            Some(Base::Item) => facts.item()?,
            Some(Base::Valid) => facts.valid.clone(),
            None if valid_if_none || !step.patch.is_empty() || step.binary.is_some() => facts.valid.clone(),
            Some(Base::None) | None => return Ok(Body::default()),
        };
        let document = patch(base, &step.patch, names)?;
        (document.to_string(), Some(document))
    };
    if let Some(how) = &step.binary {
        let request = document.clone().ok_or("a binary request requires a JSON body")?;
        let parts = binary(request, how, facts, names)?;
        return Ok(Body { bytes: parts.body, document, json: false, length: Some(parts.length) });
    }
    Ok(Body { bytes: text.into_bytes(), document, json: true, length: None })
}
