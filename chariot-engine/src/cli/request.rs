//! A request about a file, as `infer` makes it: a picture or a text becomes an item, JSON may be a request itself.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::arguments::Infer;
use crate::{model::Spec, protocol::Protocol};

/// The path that means standard input.
pub(super) const STDIN: &str = "-";

/// The model that is asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) spec: Spec,
    /// The one protocol that it speaks; both if absent.
    pub(super) protocol: Option<Protocol>,
}

/// A request, and what of its answer is wanted.
#[derive(Debug, PartialEq)]
pub(super) struct Request {
    pub(super) body: Vec<u8>,
    /// Whether it is about one item of our own making, of which the answer alone is of interest.
    pub(super) item: bool,
}

/// Makes a request of a file's content.
///
/// # Errors
/// The engine takes nothing that such a file could be.
pub(super) fn request(path: &Path, content: Vec<u8>, model: &Asked, options: &Infer) -> Result<Request, String> {
    let spec = &model.spec;
    let takes_json = matches!(spec.element, Some("json" | "row"));
    let named = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let json = serde_json::from_slice::<Value>(&content).ok();
    let is_request = json.as_ref().is_some_and(|json| json.get("inputs").is_some() || json.get("input").is_some());
    // What says that it is JSON and is none is for the engine to complain of: it knows where.
    if is_request || (named && !(takes_json && json.is_some())) {
        if options.action.is_some() || !options.parameters.is_empty() {
            return Err("--action and --parameter are for items; a request says its own".into());
        }
        return Ok(Request { body: content, item: false });
    }
    let data = match (spec.element, json) {
        (None, _) => {
            return Err("this engine takes named tensors: a request in JSON is expected, with `inputs`".into());
        }
        (Some("json" | "row"), Some(json)) => json,
        (Some("image"), _) => base64_simd::STANDARD.encode_to_string(&content).into(),
        (Some(_), _) => match String::from_utf8(content) {
            // Editors end a file with a line break that nobody has written.
            Ok(text) => text
                .strip_suffix('\n')
                .map_or_else(|| text.clone(), |text| text.trim_end_matches('\r').to_string())
                .into(),
            Err(_) => return Err("text in UTF-8 is expected, something else came".into()),
        },
    };
    let mut parameters: Map<String, Value> = options.parameters.iter().cloned().collect();
    if let Some(action) = &options.action {
        parameters.insert("action".into(), action.clone().into());
    }
    let name =
        if path == Path::new(STDIN) { "stdin".into() } else { path.file_name().unwrap_or_default().to_string_lossy() };
    let body = if model.protocol == Some(Protocol::V2) {
        // It knows items that are texts only.
        let input = if data.is_string() { data } else { data.to_string().into() };
        json!({ "input": input, "parameters": parameters })
    } else {
        let input =
            json!({ "name": name, "datatype": "BYTES", "shape": [1], "data": [data], "parameters": parameters });
        json!({ "inputs": [input] })
    };
    Ok(Request { body: body.to_string().into_bytes(), item: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use crate::{input::Row, protocol::InferRequest};

    struct Of<I>(I);

    macro_rules! models {
        ($($input:ty => $output:ty;)*) => { $(
            impl Model for Of<$input> {
                type Settings = ();
                type Input = $input;
                type Output = $output;

                async fn load(_: &LoadContext) -> Result<Self> {
                    Err("nobody loads it".into())
                }

                async fn infer(&self, _: Batch<$input>) -> Result<Vec<$output>> {
                    Ok(vec![])
                }
            }
        )* };
    }

    models! {
        Text => Json<u8>;
        Json<Value> => Json<u8>;
        Row<[f32; 2]> => Json<u8>;
        InferRequest => Tensors;
    }

    fn made_for<I: Input>(
        protocol: Option<Protocol>,
        path: &str,
        content: &str,
        parameters: &[&str],
    ) -> std::result::Result<Value, String>
    where
        Of<I>: Model,
    {
        let parameters = parameters.iter().map(|text| super::super::arguments::parameter(text).unwrap()).collect();
        let options = Infer { files: vec![], model: None, action: None, parameters, response: false };
        let asked = Asked { name: "of".into(), spec: Of::<I>::spec(), protocol };
        let made = request(Path::new(path), content.into(), &asked, &options)?;
        Ok(serde_json::from_slice(&made.body).unwrap())
    }

    fn made<I: Input>(path: &str, content: &str, parameters: &[&str]) -> std::result::Result<Value, String>
    where
        Of<I>: Model,
    {
        made_for::<I>(None, path, content, parameters)
    }

    #[test]
    fn an_item_is_what_the_engine_takes() {
        let data = |made: std::result::Result<Value, String>| made.unwrap()["inputs"][0]["data"][0].clone();
        assert_eq!(data(made::<Text>("a.txt", "two\nlines\n", &[])), "two\nlines");
        assert_eq!(data(made::<Text>("-", "[1]", &[])), "[1]", "a text may look like JSON");
        assert_eq!(data(made::<Json<Value>>("a.json", "{\"a\": 1}", &[])), json!({"a": 1}));
        assert_eq!(data(made::<Json<Value>>("a.txt", "plain", &[])), "plain");
        assert_eq!(data(made::<Row<[f32; 2]>>("-", "[1, 2]", &[])), json!([1, 2]));
        let item = made::<Text>("dir/a.txt", "a", &["top_k=2", "word=two"]).unwrap();
        assert_eq!(item["inputs"][0]["name"], "a.txt");
        assert_eq!(item["inputs"][0]["parameters"], json!({"top_k": 2, "word": "two"}));
    }

    #[test]
    fn an_engine_of_one_protocol_is_asked_in_that() {
        let item = made_for::<Json<Value>>(Some(Protocol::V2), "a.json", "[1]", &["a=1"]).unwrap();
        assert_eq!(item, json!({"input": "[1]", "parameters": {"a": 1}}));
    }

    #[test]
    fn a_request_is_sent_as_it_is() {
        for body in [r#"{"inputs":[]}"#, r#"{"input":"a"}"#] {
            assert_eq!(made::<Text>("-", body, &[]).unwrap().to_string(), body);
            assert!(made::<Text>("-", body, &["a=1"]).unwrap_err().contains("a request says its own"));
        }
        assert_eq!(made::<Text>("a.JSON", "[1]", &[]).unwrap(), json!([1]), "the engine says what is wrong with it");
        let refused = made::<InferRequest>("a.png", "picture", &[]).unwrap_err();
        assert!(refused.contains("a request in JSON is expected"), "{refused}");
    }
}
