//! The tokenizer of the real GGUF file beside the tokens that the library of Hugging Face gives for the same texts, which
//! `reference.py` writes.

use std::{fs, path::Path};

use chariot_engine::{prelude::*, testing::TestEngine, text::Tokenizer};
use serde_json::{Value, json};

/// Returns the tokens of texts.
struct Tokens(Tokenizer);

impl Model for Tokens {
    type Settings = ();
    type Input = Text;
    type Output = Json<Vec<u32>>;

    async fn load(ctx: &LoadContext) -> Result<Self> {
        Ok(Tokens(ctx.gguf("SmolLM2-135M-Instruct.Q4_1.gguf")?.tokenizer()?))
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<Vec<u32>>>> {
        batch.try_map(|text| Ok(Json(self.0.encode(text.as_str())?.ids().collect())))
    }
}

#[test]
fn texts_have_the_tokens_of_the_reference() {
    let example = env!("CARGO_MANIFEST_DIR");
    let Some(model) = e2e::weights(example) else { return };
    let builder = Engine::builder().model::<Tokens>("tokens");
    let directory = model.to_str().expect("UTF-8");
    let engine = TestEngine::start(builder.setting("CHARIOT_ENGINE_MODEL_DIR", directory)).unwrap();
    let reference = fs::read_to_string(Path::new(example).join("tests/tokens.json")).unwrap();
    let reference: Vec<Value> = serde_json::from_str(&reference).unwrap();
    assert_eq!(reference.len(), 20);
    let texts: Vec<&Value> = reference.iter().map(|one| &one["text"]).collect();
    let request = json!({"inputs": [{"name": "a", "data": texts}]});
    let response = engine.infer(request.to_string()).json();
    let tokens = response["outputs"][0]["data"].as_array().unwrap_or_else(|| panic!("{response}"));
    assert_eq!(tokens.len(), reference.len());
    for (tokens, expected) in tokens.iter().zip(&reference) {
        assert_eq!(tokens, &expected["tokens"], "{}", expected["text"]);
    }
}
