//! An inference request made from a file: an image or a text becomes an item; JSON can be a request itself.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::arguments::Infer;
use crate::{error::Expected, model::Spec, protocol::Protocol};

/// The path of standard input.
pub(super) const STDIN: &str = "-";

/// The model that is called.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) spec: Spec,
    /// The only protocol that it serves; `None` for both.
    pub(super) protocol: Option<Protocol>,
}

/// A request, made from a file.
#[derive(Debug, PartialEq)]
pub(super) struct Request {
    pub(super) body: Vec<u8>,
    /// Set if the file is one item, so that its output alone is printed.
    pub(super) is_item: bool,
}

/// Makes a request from a file's content.
///
/// # Errors
/// A file that cannot be an input of the engine.
pub(super) fn request(path: &Path, content: &[u8], model: &Target, options: &Infer) -> Result<Request, String> {
    // Editors of Windows write a byte order mark in front of a text. No image starts with one.
    let content = content.strip_prefix("\u{feff}".as_bytes()).unwrap_or(content);
    let spec = &model.spec;
    let takes_json = matches!(spec.element, Some("json" | "row"));
    let has_json_name = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let json = serde_json::from_slice::<Value>(content).ok();
    let is_request = json.as_ref().is_some_and(|json| json.get("inputs").is_some() || json.get("input").is_some());
    // Invalid JSON in a .json file is sent as it is: the engine reports the location of the fault.
    if is_request || (has_json_name && !(takes_json && json.is_some())) {
        if options.action.is_some() || !options.parameters.is_empty() {
            return Err("--action and --parameter apply to items; set them in the request itself".into());
        }
        return Ok(Request { body: content.to_vec(), is_item: false });
    }
    let data = match (spec.element, json) {
        (None, _) => {
            let what = "a JSON request with `inputs`, as the engine takes named tensors";
            return Err(Expected::new(what, "another file").into());
        }
        (Some("json" | "row"), Some(json)) => json,
        (Some("image"), _) => base64_simd::STANDARD.encode_to_string(content).into(),
        (Some(_), _) => match str::from_utf8(content) {
            // Editors add a line break at the end of a file.
            Ok(text) => text.strip_suffix('\n').map_or(text, |text| text.trim_end_matches('\r')).into(),
            Err(_) => return Err(Expected::new("text in UTF-8", "other data").into()),
        },
    };
    let mut parameters: Map<String, Value> = options.parameters.iter().cloned().collect();
    if let Some(action) = &options.action {
        parameters.insert("action".into(), action.clone().into());
    }
    let name =
        if path == Path::new(STDIN) { "stdin".into() } else { path.file_name().unwrap_or_default().to_string_lossy() };
    let body = if model.protocol == Some(Protocol::V2) {
        json!({ "input": data, "parameters": parameters })
    } else {
        let input =
            json!({ "name": name, "datatype": "BYTES", "shape": [1], "data": [data], "parameters": parameters });
        json!({ "inputs": [input] })
    };
    Ok(Request { body: body.to_string().into_bytes(), is_item: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use crate::{input::Row, protocol::InferRequest};

    struct Takes<I>(I);

    macro_rules! models {
        ($($input:ty => $output:ty;)*) => { $(
            impl Model for Takes<$input> {
                type Settings = ();
                type Input = $input;
                type Output = $output;

                async fn load(_: &LoadContext) -> Result<Self> {
                    Err("never loaded".into())
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
        Takes<I>: Model,
    {
        let parameters = parameters.iter().map(|text| super::super::arguments::parameter(text).unwrap()).collect();
        let options = Infer { parameters, ..Infer::default() };
        let target = Target { name: "takes".into(), spec: Takes::<I>::spec(), protocol };
        let made = request(Path::new(path), content.as_bytes(), &target, &options)?;
        Ok(serde_json::from_slice(&made.body).unwrap())
    }

    fn made<I: Input>(path: &str, content: &str, parameters: &[&str]) -> std::result::Result<Value, String>
    where
        Takes<I>: Model,
    {
        made_for::<I>(None, path, content, parameters)
    }

    #[test]
    fn a_file_becomes_an_item_of_the_engine() {
        let data = |made: std::result::Result<Value, String>| made.unwrap()["inputs"][0]["data"][0].clone();
        assert_eq!(data(made::<Text>("a.txt", "two\nlines\n", &[])), "two\nlines");
        assert_eq!(data(made::<Text>("-", "[1]", &[])), "[1]", "a text can look like JSON");
        assert_eq!(data(made::<Json<Value>>("a.json", "{\"a\": 1}", &[])), json!({"a": 1}));
        assert_eq!(data(made::<Json<Value>>("a.txt", "plain", &[])), "plain");
        assert_eq!(data(made::<Row<[f32; 2]>>("-", "[1, 2]", &[])), json!([1, 2]));
        let item = made::<Text>("dir/a.txt", "a", &["top_k=2", "word=two"]).unwrap();
        assert_eq!(item["inputs"][0]["name"], "a.txt");
        assert_eq!(item["inputs"][0]["parameters"], json!({"top_k": 2, "word": "two"}));
    }

    #[test]
    fn the_request_is_in_the_only_protocol() {
        let item = made_for::<Json<Value>>(Some(Protocol::V2), "a.json", "[1]", &["a=1"]).unwrap();
        assert_eq!(item, json!({"input": [1], "parameters": {"a": 1}}));
    }

    #[test]
    fn a_file_with_a_request_is_sent_as_it_is() {
        for body in [r#"{"inputs":[]}"#, r#"{"input":"a"}"#] {
            assert_eq!(made::<Text>("-", body, &[]).unwrap().to_string(), body);
            assert!(made::<Text>("-", body, &["a=1"]).is_err());
        }
        assert_eq!(made::<Text>("a.JSON", "[1]", &[]).unwrap(), json!([1]), "the engine reports the fault");
        assert!(made::<InferRequest>("a.png", "image", &[]).is_err());
    }

    #[test]
    fn messages() {
        let target = Target { name: "takes".into(), spec: Takes::<Text>::spec(), protocol: None };
        let options = Infer::default();
        let binary = request(Path::new("a.txt"), &[0xff], &target, &options).unwrap_err();
        let parameter = made::<Text>("-", r#"{"inputs":[]}"#, &["a=1"]).unwrap_err();
        let tensors = made::<InferRequest>("a.png", "image", &[]).unwrap_err();
        insta::assert_snapshot!("requests", [binary, parameter, tensors].join("\n"));
    }
}
