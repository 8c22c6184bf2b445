//! Files that are broken, cut off or of another model: the start fails, and says what to do.

use std::{fs, path::Path};

use e2e::Process;

const ENGINE: &str = env!("CARGO_BIN_EXE_text-embedding");

/// The files of the model.
const FILES: [&str; 5] =
    ["config.json", "model.safetensors", "sentence_bert_config.json", "tokenizer.json", "tokenizer_config.json"];

/// A file, what stands in place of its contents, and parts of the reason.
type Case<'a> = (&'a str, Option<Vec<u8>>, &'a [&'a str]);

/// Returns the reason why an engine does not start with one file changed; a file without contents is missing.
fn refusal(model: &Path, name: &str, contents: Option<&[u8]>) -> String {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for file in FILES.into_iter().filter(|file| *file != name) {
        std::os::unix::fs::symlink(model.join(file), folder.path().join(file)).unwrap();
    }
    if let Some(contents) = contents {
        fs::write(folder.path().join(name), contents).unwrap();
    }
    let process = Process::start(ENGINE, &[("CHARIOT_ENGINE_MODEL_DIR", folder.path().to_str().unwrap())]);
    assert_eq!(process.wait(), Some(1), "{name}");
    let log = process.whole_log();
    let failed =
        log.iter().filter_map(|line| line["message"].as_str()).find(|text| text.contains("model failed to load"));
    failed.unwrap_or_else(|| panic!("no reason in {log:?}")).to_owned()
}

#[test]
fn a_file_that_does_not_fit_fails_the_start_with_a_reason() {
    let Some(model) = e2e::weights(env!("CARGO_MANIFEST_DIR")) else { return };
    let read = |name: &str| fs::read(model.join(name)).unwrap();
    let tokenizer = read("tokenizer.json");
    let weights = read("model.safetensors");
    let config = String::from_utf8(read("config.json")).unwrap();
    let changed = |from: &str, to: &str| {
        assert!(config.contains(from), "{from}");
        Some(config.replace(from, to).into_bytes())
    };
    let mut header = weights[..1000].to_vec();
    header[8..20].fill(b'{');
    // A header that states more bytes than any file has.
    let mut huge = weights[..1000].to_vec();
    huge[..8].fill(0xff);
    let other = r#"{"version": "1.0", "model": {"type": "WordLevel", "vocab": {"a": 50000}, "unk_token": "a"}}"#;
    let nested = "[".repeat(200_000);
    let cases: Vec<Case<'_>> = vec![
        ("tokenizer.json", None, &["'tokenizer.json'"]),
        ("tokenizer.json", Some(Vec::new()), &["'tokenizer.json'", "expected a tokenizer as JSON"]),
        ("tokenizer.json", Some(tokenizer[..tokenizer.len() / 2].to_vec()), &["'tokenizer.json'", "EOF"]),
        ("tokenizer.json", Some(nested.into_bytes()), &["'tokenizer.json'"]),
        ("tokenizer.json", Some(other.into()), &["IDs below 30522", "got 50000"]),
        ("tokenizer.json", Some(weights[..4096].to_vec()), &["'tokenizer.json'"]),
        ("sentence_bert_config.json", Some(b"{\"max_seq_length\": 1024}".to_vec()), &["at most 512 tokens", "1024"]),
        ("sentence_bert_config.json", Some(b"{".to_vec()), &["'sentence_bert_config.json'"]),
        ("config.json", changed("\"gelu\"", "\"relu\""), &["'config.json'", "relu"]),
        ("config.json", changed("\"num_hidden_layers\": 6", "\"num_hidden_layers\": 7"), &["encoder.layer.6"]),
        ("config.json", changed("\"hidden_size\": 384", "\"hidden_size\": 768"), &["768"]),
        ("model.safetensors", None, &["'model.safetensors'"]),
        ("model.safetensors", Some(Vec::new()), &["model.safetensors"]),
        ("model.safetensors", Some(weights[..1 << 20].to_vec()), &["model.safetensors"]),
        ("model.safetensors", Some(header), &["model.safetensors"]),
        ("model.safetensors", Some(huge), &["model.safetensors"]),
    ];
    for (name, contents, expected) in cases {
        let why = refusal(&model, name, contents.as_deref());
        println!("{name}: {why}");
        for part in expected {
            assert!(why.contains(part), "{name}: expected '{part}' in: {why}");
        }
    }
}
