//! The form of errors. The server writes every refusal on these routes in it.

use std::borrow::Cow;

use serde::Serialize;

use super::members;

/// Returns the body of an error with this status and text.
pub(crate) fn error_body(status: u16, text: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Envelope<'a> {
        error: Body<'a>,
    }
    #[derive(Serialize)]
    struct Body<'a> {
        message: &'a str,
        r#type: &'static str,
        param: Option<&'a str>,
        code: Option<&'static str>,
    }
    let kind = if status < 500 { "invalid_request_error" } else { "server_error" };
    let code = match status {
        401 => Some("invalid_api_key"),
        404 => Some("model_not_found"),
        _ => None,
    };
    let message: Cow<'_, str> = if status == 400 { in_body(text) } else { text.into() };
    let param = match status {
        400 => member(&message),
        404 => Some("model"),
        _ => None,
    };
    let envelope = Envelope { error: Body { message: &message, r#type: kind, param, code } };
    // Strings can always be written.
    serde_json::to_vec(&envelope).unwrap_or_default()
}

/// Returns a message with a place in the body instead of one in the input that was made of a member: parameters of the input
/// are members of the body, and a path within the input goes on after the name of the member.
fn in_body(text: &str) -> Cow<'_, str> {
    match text.split_once(": ") {
        Some((input, rest)) if members::is_member(root(input)) => {
            let parameter = rest.strip_prefix("parameters.").or_else(|| rest.strip_prefix("parameters: "));
            match parameter {
                Some(parameter) => parameter.into(),
                None if rest.starts_with('[') => format!("{input}{rest}").into(),
                None => text.into(),
            }
        }
        _ => text.into(),
    }
}

/// Returns the member of the body that a message is about.
fn member(text: &str) -> Option<&str> {
    let (member, _) = text.split_once(": ")?;
    members::is_member(root(member)).then_some(member)
}

/// Returns the first name of a path.
fn root(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_error_names_its_member() {
        let of = |text: &str| -> Value { serde_json::from_slice(&error_body(400, text)).unwrap() };
        for (text, message, param) in [
            ("messages: parameters.top_p: expected a", "top_p: expected a", json!("top_p")),
            ("prompt[3]: parameters.stop[0]: expected a", "stop[0]: expected a", json!("stop[0]")),
            ("messages: parameters: max_tokens: expected a", "max_tokens: expected a", json!("max_tokens")),
            ("messages: [0].role: expected a", "messages[0].role: expected a", json!("messages[0].role")),
            ("prompt[3]: expected a", "prompt[3]: expected a", json!("prompt[3]")),
            ("not valid JSON: expected a", "not valid JSON: expected a", Value::Null),
            ("other: parameters.top_p: b", "other: parameters.top_p: b", Value::Null),
        ] {
            let error = json!({ "message": message, "type": "invalid_request_error", "param": param, "code": null });
            assert_eq!(of(text), json!({ "error": error }));
        }
    }

    #[test]
    fn the_type_depends_on_whose_fault_it_is() {
        for (status, kind, param, code) in [
            (401, "invalid_request_error", Value::Null, json!("invalid_api_key")),
            (404, "invalid_request_error", json!("model"), json!("model_not_found")),
            (413, "invalid_request_error", Value::Null, Value::Null),
            (503, "server_error", Value::Null, Value::Null),
        ] {
            let error: Value = serde_json::from_slice(&error_body(status, "n: a \"b\"")).unwrap();
            let expected = json!({ "message": "n: a \"b\"", "type": kind, "param": param, "code": code });
            assert_eq!(error["error"], expected);
        }
    }
}
