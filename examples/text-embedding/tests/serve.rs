//! The engine as a real process: its vectors beside those that numpy has computed, long and odd texts, and refusals.

use std::{fs, os::unix::fs::symlink, path::Path, sync::Arc};

use e2e::{Process, Shared};
use serde_json::{Value, json};

const ENGINE: &str = env!("CARGO_BIN_EXE_text-embedding");

/// The most tokens of a text. Without optimization a token takes 50 ms, so long texts are cut earlier then.
const MAX_TOKENS: u64 = if cfg!(debug_assertions) { 32 } else { 256 };

/// Returns the engine, which the tests share, or `None` without weights.
fn engine() -> Option<Arc<Process>> {
    static ENGINES: Shared = Shared::new();
    let model = e2e::weights(env!("CARGO_MANIFEST_DIR"))?;
    Some(ENGINES.get(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("text-embedding");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for file in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
            symlink(model.join(file), folder.join(file)).unwrap();
        }
        let length = json!({"max_seq_length": MAX_TOKENS}).to_string();
        fs::write(folder.join("sentence_bert_config.json"), length).unwrap();
        Process::ready(ENGINE, &[("CHARIOT_ENGINE_MODEL_DIR", folder.to_str().expect("UTF-8"))])
    }))
}

/// A text with its vector and its number of tokens, as `reference.py` has written them.
struct Reference {
    text: String,
    tokens: u64,
    vector: Vec<f64>,
}

fn numbers(vector: &Value) -> Vec<f64> {
    vector.as_array().expect("a vector").iter().map(|value| value.as_f64().expect("a number")).collect()
}

fn references() -> Vec<Reference> {
    let all: Vec<Value> = serde_json::from_str(include_str!("reference.json")).unwrap();
    let reference = |one: &Value| Reference {
        text: one["text"].as_str().unwrap().into(),
        tokens: one["tokens"].as_u64().unwrap(),
        vector: numbers(&one["vector"]),
    };
    all.iter().map(reference).collect()
}

/// Returns the vectors of some texts, which one request sends.
fn vectors(engine: &Process, texts: &[&str]) -> Vec<Vec<f64>> {
    let response = engine.infer(&json!({"inputs": [{"name": "a", "data": texts}]})).ok();
    response["outputs"][0]["data"].as_array().expect("a list").iter().map(numbers).collect()
}

fn cosine(one: &[f64], other: &[f64]) -> f64 {
    assert_eq!(one.len(), other.len());
    let product = |one: &[f64], other: &[f64]| -> f64 { one.iter().zip(other).map(|(a, b)| a * b).sum() };
    product(one, other) / (product(one, one) * product(other, other)).sqrt()
}

#[track_caller]
fn assert_same(what: &str, got: &[f64], expected: &[f64]) {
    let cosine = cosine(got, expected);
    assert!(cosine >= 0.99999, "{what}: expected the same vector, got one of cosine {cosine}");
    let length: f64 = got.iter().map(|value| value * value).sum::<f64>().sqrt();
    assert!((length - 1.0).abs() < 1e-5, "{what}: length {length}");
}

#[test]
fn vectors_are_those_of_the_reference() {
    let Some(engine) = engine() else { return };
    // Of all lengths in one request, in no order of lengths.
    let all: Vec<Reference> = references().into_iter().filter(|one| one.tokens <= MAX_TOKENS).collect();
    assert!(all.len() >= 7);
    let together = vectors(&engine, &all.iter().map(|one| &*one.text).collect::<Vec<_>>());
    for (one, got) in all.iter().zip(&together) {
        assert_same(&one.text, got, &one.vector);
    }
    // Alone there is no padding.
    assert_same("alone", &vectors(&engine, &[&all[1].text])[0], &all[1].vector);
}

#[test]
fn a_long_text_has_the_vector_of_its_beginning() {
    let Some(engine) = engine() else { return };
    let sentence = "Serving models is a matter of bookkeeping, mostly. ";
    let long = sentence.repeat((1 << 20) / sentence.len());
    let blank = " ".repeat(1 << 20);
    let marks = "\u{301}".repeat(10_000);
    let got = vectors(&engine, &[&long, &blank, &marks, &sentence.repeat(40)]);
    let empty = &references()[0].vector;
    assert_same("a MiB", &got[0], &got[3]);
    assert_same("a MiB of spaces", &got[1], empty);
    assert_same("accents of no letter", &got[2], empty);
}

#[test]
fn texts_of_any_characters_have_vectors() {
    let Some(engine) = engine() else { return };
    let texts = [
        &"😀".repeat(3000),
        &"日本".repeat(5000),
        &"a".repeat(50_000),
        "\u{0}\u{fffe}\u{10ffff}\u{200b}\u{202e}",
        "[CLS] [SEP] [PAD] [MASK] ##s",
        "ﷺ ﬃ İ ẞ",
    ];
    for (text, vector) in texts.iter().zip(vectors(&engine, &texts)) {
        let length: f64 = vector.iter().map(|value| value * value).sum();
        assert!(vector.len() == 384 && (length - 1.0).abs() < 1e-5, "{}", &text[..text.floor_char_boundary(20)]);
    }
}

#[test]
fn what_is_no_text_is_refused_by_name() {
    let Some(engine) = engine() else { return };
    let long = "x".repeat((1 << 20) + 1);
    let refused = |data: Value| {
        let body = json!({"inputs": [{"name": "first", "data": ["fine"]}, {"name": "second", "data": data}]});
        engine.infer(&body).error(400)
    };
    let fault = refused(json!([long]));
    assert!(fault.starts_with("input 'second': expected at most 1048576 bytes"), "{fault}");
    let fault = refused(json!(["fine", long]));
    assert!(fault.starts_with("input 'second'") && fault.contains("[1]"), "{fault}");
    let fault = refused(json!([7]));
    assert!(fault.starts_with("input 'second'"), "{fault}");
    assert_eq!(vectors(&engine, &["fine"]).len(), 1);
}
