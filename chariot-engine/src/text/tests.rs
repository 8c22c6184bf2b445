//! Tests of tokenizers on small files of each kind, and of what is made from their tokens.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::{
    Engine, ErrorKind, Result,
    input::{Json, Text},
    model::{Batch, BatchCost, Item, LoadContext, Model, Spec},
    tasks::ClassLabels,
    testing::TestEngine,
};

const WORDPIECE: &str = include_str!("tiny/wordpiece.json");
const BYTE_LEVEL: &str = include_str!("tiny/byte-level.json");
const UNIGRAM: &str = include_str!("tiny/unigram.json");
const WHOLE_TEXT: &str = include_str!("tiny/whole-text.json");

fn tokenizer(file: &str, max_tokens: usize) -> Tokenizer {
    Tokenizer::from_json(file, &TokenizerOptions::new().max_tokens(max_tokens)).unwrap()
}

/// Returns the IDs that a tokenizer without a limit gives, cut to this number as the tokenizer adds its own.
fn reference(file: &str, text: &str, max_tokens: usize) -> Vec<u32> {
    let whole = tokenizer(file, 1 << 30);
    let ids = whole.encode_whole(text);
    let added = whole.encode_whole("").len();
    if ids.len() <= max_tokens {
        return ids;
    }
    let (first, last) = (added.div_ceil(2), added / 2);
    let mut cut = ids[..max_tokens - last].to_vec();
    cut.extend_from_slice(&ids[ids.len() - last..]);
    assert!(first + last < max_tokens);
    cut
}

/// Texts long enough to be cut: words, marks, emoji, combining characters, signs that stand for spaces, and added tokens.
fn long_texts() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        8 => "[a-z]{1,9}",
        2 => "[A-Z0-9][a-z0-9']{0,5}[.,;:!?]?",
        1 => Just("naïve e\u{301}te\u{301} Ωμέγα слово 日本語テキスト 한국어".to_owned()),
        1 => Just("👩\u{200d}👩\u{200d}👧 🇩🇪 ▁▁ \u{600}".to_owned()),
        1 => Just("[SEP]<s> </s>".to_owned()),
        1 => any::<char>().prop_map(String::from),
    ];
    let gap = prop_oneof![12 => Just(" "), 1 => Just("  "), 1 => Just("\n"), 1 => Just("\t "), 1 => Just("\u{3000}"), 1 => Just("")];
    let piece = (word, gap).prop_map(|(word, gap)| word + gap);
    (prop::collection::vec(piece, 1..300), 1..8_usize).prop_map(|(pieces, times)| pieces.concat().repeat(times))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A cut loses no token: the limit is within, at and beyond the first cut of a text.
    #[test]
    fn the_first_tokens_are_those_of_the_whole_text(text in long_texts(), max_tokens in 3..700_usize) {
        for file in [WORDPIECE, BYTE_LEVEL, UNIGRAM, WHOLE_TEXT] {
            let tokenizer = tokenizer(file, max_tokens);
            prop_assert!(tokenizer.has_safe_cuts());
            let ids: Vec<u32> = tokenizer.encode(&text).unwrap().ids().collect();
            prop_assert_eq!(ids, reference(file, &text, max_tokens));
        }
    }

    /// Wherever a text of any characters is cut, the tokens before a safe cut are the first ones.
    #[test]
    fn spans_are_parts_of_the_text(text in "\\PC{0,60}") {
        for file in [WORDPIECE, BYTE_LEVEL, UNIGRAM, WHOLE_TEXT] {
            let encoding = tokenizer(file, 40).encode(&text).unwrap();
            for span in (0..encoding.len()).filter_map(|token| encoding.span(token)) {
                prop_assert!(text.get(span).is_some());
            }
        }
    }
}

#[test]
fn texts_without_a_safe_cut_are_cut_too() {
    let long = 1 << 20;
    let texts = ["a".repeat(long), "日本語".repeat(long / 9), "=".repeat(long), " ".repeat(long) + "end"];
    for file in [WORDPIECE, BYTE_LEVEL, UNIGRAM] {
        let tokenizer = tokenizer(file, 64);
        for text in &texts {
            let encoding = tokenizer.encode(text).unwrap();
            // As the tokens of a shorter text of the kind, which ends elsewhere.
            let short = &text[..text.floor_char_boundary(long / 8)];
            if text.ends_with("end") || encoding.len() < 64 {
                continue;
            }
            let expected: Vec<u32> = tokenizer.encode(short).unwrap().ids().collect();
            assert_eq!(encoding.ids().collect::<Vec<_>>(), expected);
            assert!(encoding.is_truncated());
        }
    }
}

#[test]
fn parts_that_look_across_words_have_no_safe_cuts() {
    let unsafe_parts = [
        (
            r#""type":"BertPreTokenizer""#,
            r#""type":"Split","pattern":{"Regex":"\\w+ \\w+"},"behavior":"Isolated","invert":false"#,
        ),
        (r#""type":"BertPreTokenizer""#, r#""type":"FixedLength","length":7"#),
        (
            r#""added_tokens":["#,
            r#""added_tokens":[{"id":900,"content":"New York","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":false},"#,
        ),
    ];
    for (part, other) in unsafe_parts {
        assert!(WORDPIECE.contains(part));
        let file = WORDPIECE.replacen(part, other, 1);
        let tokenizer = tokenizer(&file, 100);
        assert!(!tokenizer.has_safe_cuts(), "{other}");
        // Its long texts are still cut, with the same tokens.
        let text = "New York and old words ".repeat(8000);
        let ids: Vec<u32> = tokenizer.encode(&text).unwrap().ids().collect();
        assert_eq!(ids, reference(&file, &text, 100), "{other}");
    }
    // A token across two words joins them.
    let file = WHOLE_TEXT.replacen(r#""vocab":{"#, r#""vocab":{"a▁b":5000,"#, 1);
    assert!(!tokenizer(&file, 100).has_safe_cuts());
}

#[test]
fn padding_and_truncation_of_the_file_have_no_effect() {
    assert!(WORDPIECE.contains("\"max_length\":16"));
    let tokenizer = tokenizer(WORDPIECE, 40);
    assert_eq!(tokenizer.encode("").unwrap().ids().collect::<Vec<_>>(), [2, 3]);
    assert_eq!(tokenizer.encode(&"a ".repeat(100)).unwrap().len(), 40);
    assert_eq!((tokenizer.pad_id(), tokenizer.token_id("[SEP]")), (0, Some(3)));
}

#[test]
fn a_text_that_is_not_cut_is_rejected() {
    let options = TokenizerOptions::new().max_tokens(5).truncate(false);
    let tokenizer = Tokenizer::from_json(WORDPIECE, &options).unwrap();
    assert_eq!(tokenizer.encode("a a a").unwrap().len(), 5);
    let error = tokenizer.encode("a a a a").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert_eq!(error.public_message().unwrap(), "expected at most 5 tokens, got more");
}

#[test]
fn broken_files_are_refused_with_a_reason() {
    let truncated = &WORDPIECE[..WORDPIECE.len() / 2];
    let nested = format!(r#"{{"other": {}"#, "[".repeat(100_000));
    let values = format!(r#"{{"model": [{}0]}}"#, "0,".repeat(9 << 20));
    let cases = [
        (WORDPIECE.replace("BertPreTokenizer", "Telepathy"), "pre_tokenizer of type BertPreTokenizer"),
        (UNIGRAM.replace(r#""NFKC""#, r#""Rot13""#), "got 'Rot13'"),
        (WORDPIECE.replace(r#""type":"WordPiece","unk"#, r#""type":"Oracle","unk"#), "got 'Oracle'"),
        (WORDPIECE.replace(r#""version":"1.0""#, r#""version":"9""#), "9"),
        (WORDPIECE.replace(r#"{"type":"BertNormalizer""#, r#"{"type":"Precompiled""#), "tokenizer"),
        (truncated.into(), "EOF"),
        (nested, "EOF"),
        (values, "at most 64 MiB"),
        (String::new(), "EOF"),
        ("7".into(), "tokenizer as JSON"),
        ("{}".into(), "model"),
    ];
    let options = TokenizerOptions::new().max_tokens(16);
    for (file, expected) in cases {
        let error = Tokenizer::from_json(&file, &options).unwrap_err();
        assert!(error.log_message().contains(expected), "{}", error.log_message());
    }
    let error = Tokenizer::from_json(WORDPIECE, &TokenizerOptions::new().max_tokens(2)).unwrap_err();
    assert_eq!(error.log_message(), "expected at least 3 tokens for a text, got 2");
}

fn open(files: &[(&str, &str)]) -> Result<Tokenizer> {
    let folder = tempfile::tempdir().unwrap();
    for (name, contents) in files {
        std::fs::write(folder.path().join(name), contents).unwrap();
    }
    Tokenizer::open(&folder.path().join("tokenizer.json"), &TokenizerOptions::new())
}

#[test]
fn the_length_and_the_padding_are_those_of_the_files_beside_it() {
    let file = ("tokenizer.json", BYTE_LEVEL);
    let config = |json| ("tokenizer_config.json", json);
    let opened =
        open(&[file, config(r#"{"model_max_length": 77, "pad_token": {"content": "</s>"}, "padding_side": "left"}"#)])
            .unwrap();
    assert_eq!((opened.max_tokens(), opened.pad_id()), (77, 2));
    let encodings = ["a", "a a a"].map(|text| opened.encode(text).unwrap());
    let batch = TokenBatch::new(["a", "a a a"].into_iter().zip(&encodings));
    assert_eq!((batch.mask()[..2].to_vec(), batch.ids()[0]), (vec![0, 0], 2));
    let sentences = ("sentence_bert_config.json", r#"{"max_seq_length": 55}"#);
    assert_eq!(open(&[file, config(r#"{"model_max_length": 77}"#), sentences]).unwrap().max_tokens(), 55);
    for missing in [&[file][..], &[file, config(r#"{"model_max_length": 1e30}"#)]] {
        let error = open(missing).unwrap_err().log_message();
        assert!(error.starts_with("'tokenizer.json': expected TokenizerOptions::max_tokens"), "{error}");
    }
    assert!(open(&[file, config("{")]).unwrap_err().log_message().contains("reading 'tokenizer_config.json'"));
    assert!(open(&[]).is_err());
    assert!(Tokenizer::open(Path::new("/"), &TokenizerOptions::new()).is_err());
}

#[test]
fn buckets_waste_little() {
    let tokenizer = tokenizer(WORDPIECE, 2000);
    let mut sizes = std::collections::BTreeSet::new();
    for words in 0..1500 {
        let encoding = tokenizer.encode(&"a ".repeat(words)).unwrap();
        let (tokens, bucket) = (encoding.len(), encoding.bucket());
        assert!(bucket >= tokens && bucket - tokens < 16.max(tokens.div_ceil(8)), "{tokens} {bucket}");
        sizes.insert(bucket);
    }
    assert!(sizes.len() < 50, "{}", sizes.len());
}

/// Answers each text with the number of texts in its call. `MOST` is the limit in tokens; 0 leaves the default.
struct Counts<const MOST: usize>(Tokenizer);

impl<const MOST: usize> Model for Counts<MOST> {
    type Settings = ();
    type Input = Text;
    type Output = Json<usize>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("an instance".into())
    }

    fn spec() -> Spec {
        let spec = Spec::new::<Self>();
        if MOST == 0 { spec } else { spec.max_tokens(MOST) }
    }

    fn admit(&self, item: &mut Item<Text>) -> Result<BatchCost> {
        self.0.admit(item)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<usize>>> {
        let texts = batch.tokens()?.len();
        batch.try_map(|_| Ok(Json(texts)))
    }
}

/// Returns the numbers of texts in the calls for a request of texts of this many tokens.
fn calls<const MOST: usize>(texts: usize, tokens: usize) -> Vec<u64> {
    let model = Counts::<MOST>(tokenizer(WORDPIECE, 256));
    let engine = TestEngine::start(Engine::builder().instance("counts", model)).unwrap();
    let text = "a ".repeat(tokens - 2);
    let response = engine.infer(serde_json::json!({"inputs": [{"name": "x", "data": vec![text; texts]}]}).to_string());
    let response = response.json();
    let mut answers = response["outputs"][0]["data"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap());
    let mut calls = Vec::new();
    while let Some(count) = answers.next() {
        assert!((1..count).all(|_| answers.next() == Some(count)));
        calls.push(count);
    }
    calls
}

#[test]
fn texts_share_calls_up_to_a_number_of_tokens() {
    assert_eq!(calls::<0>(70, 4), [32, 32, 6]);
    assert_eq!(calls::<0>(5, 256), [2, 2, 1]);
    assert_eq!(calls::<0>(9, 100), [4, 4, 1]);
    assert_eq!(calls::<1024>(70, 4), [64, 6]);
    assert_eq!(calls::<1024>(5, 256), [4, 1]);
    // A text is in a call, whatever it costs.
    assert_eq!(calls::<1>(2, 256), [1, 1]);
}

/// A batch of texts of 3, 1 and 5 tokens, padded at either side, and a vector of 2 numbers for each token.
fn pooled(left: bool, pooling: Pooling) -> Vec<Vec<f32>> {
    let side = if left { "left" } else { "right" };
    let config = format!(r#"{{"model_max_length": 9, "padding_side": "{side}"}}"#);
    let file = r#"{"version": "1.0", "pre_tokenizer": {"type": "Whitespace"}, "model": {"type": "WordLevel", "vocab": {"z": 0}, "unk_token": "z"}}"#;
    let tokenizer = open(&[("tokenizer.json", file), ("tokenizer_config.json", &config)]).unwrap();
    let texts = ["z q x", "z", "z q x z q"];
    let encodings = texts.map(|text| tokenizer.encode(text).unwrap());
    let batch = TokenBatch::padded(texts.into_iter().zip(&encodings), 4, 6);
    assert_eq!((batch.shape(), batch.len()), ([4, 6], 3));
    assert_eq!(batch.lengths().collect::<Vec<_>>(), [3, 1, 5]);
    let hidden: Vec<f32> =
        (0..4 * 6 * 2).map(|cell| if batch.mask()[cell / 2] == 1 { (cell * cell % 17) as f32 } else { 1e9 }).collect();
    // The definition, from the mask alone.
    let expected: Vec<Vec<f32>> = (0..3)
        .map(|row| {
            let marked: Vec<usize> = (row * 6..row * 6 + 6).filter(|cell| batch.mask()[*cell] == 1).collect();
            let counted = match pooling.tokens {
                pooling::Tokens::All => &marked[..],
                pooling::Tokens::First => &marked[..1],
                pooling::Tokens::Last => &marked[marked.len() - 1..],
            };
            let mean = |dimension: usize| {
                counted.iter().map(|cell| hidden[cell * 2 + dimension]).sum::<f32>() / counted.len() as f32
            };
            let (x, y) = (mean(0), mean(1));
            let norm = if pooling.normalize { x.hypot(y) } else { 1.0 };
            vec![x / norm, y / norm]
        })
        .collect();
    let embeddings = batch.embeddings(&hidden, pooling).unwrap();
    assert_eq!(embeddings.iter().map(|text| text.tokens().unwrap()).collect::<Vec<_>>(), [3, 1, 5]);
    let vectors: Vec<Vec<f32>> = embeddings.iter().map(|text| text.as_slice().to_vec()).collect();
    let is_close = |vectors: &[Vec<f32>]| {
        vectors.iter().flatten().zip(expected.iter().flatten()).all(|(one, other)| (one - other).abs() < 1e-5)
    };
    assert!(is_close(&vectors), "{vectors:?} {expected:?}");
    #[cfg(feature = "candle")]
    {
        let tensor = candle_core::Tensor::from_vec(hidden, (4, 6, 2), &candle_core::Device::Cpu).unwrap();
        let of_tensor = batch.embeddings_from(&tensor, pooling).unwrap();
        let of_tensor: Vec<Vec<f32>> = of_tensor.iter().map(|text| text.as_slice().to_vec()).collect();
        // Weights of 0 times what is in the padding are 0, and no rounding remains of it.
        assert!(is_close(&of_tensor), "{of_tensor:?} {expected:?}");
        assert!(batch.pool(&tensor.flatten_all().unwrap(), pooling).is_err());
        let tensors = batch.to_tensors().unwrap();
        assert_eq!(tensors.ids.dims(), [4, 6]);
        let mask: Vec<u32> = tensors.mask.flatten_all().unwrap().to_vec1().unwrap();
        assert!(mask.iter().zip(batch.mask()).all(|(one, other)| i64::from(*one) == *other));
    }
    assert!(batch.embeddings(&[0.0; 7], pooling).is_err());
    vectors
}

#[test]
fn pooling_counts_tokens_and_no_padding() {
    for pooling in [Pooling::mean(), Pooling::cls(), Pooling::last()] {
        for pooling in [pooling, pooling.normalized()] {
            pooled(false, pooling);
            pooled(true, pooling);
        }
    }
}

/// Classifies a text by a function from a token's part of the text to its class.
fn classified(
    file: &str,
    text: &str,
    aggregation: Aggregation,
    class: impl Fn(&str) -> usize,
) -> Vec<(String, usize, usize, String)> {
    let labels: ClassLabels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"].into_iter().collect();
    let encoding = tokenizer(file, 64).encode(text).unwrap();
    let batch = TokenBatch::padded([(text, &encoding)], 1, 70);
    let mut logits = vec![f32::NAN; 70 * 5];
    for token in 0..encoding.len() {
        logits[token * 5..][..5].fill(0.0);
        // Tokens that the tokenizer has added are not a part of an entity, whatever the model says.
        let class = encoding.span(token).map_or(1, |span| class(&text[span]));
        logits[token * 5 + class] = 9.0;
    }
    let found = batch.classify(&logits, &labels, aggregation).unwrap();
    let found = found[0].as_slice();
    assert!(found.iter().all(|part| part.score > 0.99 && part.score <= 1.0));
    let label = |class: usize| labels.get(class).unwrap().to_owned();
    found.iter().map(|part| (part.word.clone(), part.start, part.end, label(part.class))).collect()
}

#[test]
fn entities_are_words_of_the_text_at_characters() {
    let text = "Ünïte\u{301}d 👩\u{200d}🚀 Ada Lovelace, Bob in Zérich";
    // A part of each name, as pieces of words are.
    let class = |part: &str| match part {
        _ if part.trim().starts_with('A') || part.trim().starts_with('B') => 1,
        _ if part.trim().starts_with('L') => 2,
        _ if part.trim().starts_with('Z') => 3,
        _ => 0,
    };
    for file in [WORDPIECE, BYTE_LEVEL] {
        let found = classified(file, text, Aggregation::First, class);
        let words: Vec<&str> = found.iter().map(|(word, ..)| word.trim()).collect();
        assert_eq!(words, ["Ada Lovelace", "Bob", "Zérich"]);
        for (word, start, end, _) in &found {
            let of_text: String = text.chars().skip(*start).take(end - start).collect();
            assert_eq!(&of_text, word);
        }
        assert_eq!(found[2].3, "B-LOC");
        // Each token for itself is at most a word.
        let tokens = classified(file, text, Aggregation::None, class);
        assert!(tokens.len() >= 4 && tokens.iter().all(|(word, ..)| !word.trim().contains(' ')), "{tokens:?}");
    }
    assert!(classified(WORDPIECE, "", Aggregation::Simple, class).is_empty());
    assert!(TokenBatch::new([]).classify(&[1.0], &["O"].into_iter().collect(), Aggregation::None).is_err());
}

#[test]
fn threads_share_a_tokenizer() {
    let tokenizer = tokenizer(BYTE_LEVEL, 50);
    let texts: Vec<String> = (0..40).map(|number| format!("text {number} of several threads ").repeat(20)).collect();
    let expected: Vec<Encoding> = texts.iter().map(|text| tokenizer.encode(text).unwrap()).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (tokenizer, texts, expected) = (tokenizer.clone(), &texts, &expected);
            scope.spawn(move || {
                for (text, expected) in texts.iter().zip(expected) {
                    assert_eq!(&tokenizer.encode(text).unwrap(), expected);
                }
            });
        }
    });
}
