//! The tokens of long texts, which the engine encodes in part, beside those of the whole texts: with the model's own
//! tokenizer, as the crate `tokenizers` encodes without the SDK.

use chariot_engine::text::{Tokenizer, TokenizerOptions};
use fastrand::Rng;

/// Words, marks, emoji, combining characters, added tokens, and characters that the normalizer changes or removes.
const PIECES: &[&str] = &[
    "word",
    "unbelievably",
    "Serving",
    "models,",
    "(so",
    "it",
    "is)",
    "3.14",
    "naïve",
    "e\u{301}te\u{301}",
    "Ωμέγα",
    "слово",
    "日本語",
    "한국어",
    "👩\u{200d}👩\u{200d}👧",
    "🇩🇪",
    "[SEP]",
    "[MASK]",
    "##s",
    "don't",
    "ﬃ",
    "İ",
    "\u{ad}",
    "x\u{0}y",
    "supercalifragilisticexpialidocious",
    "https://example.com/a?b=c&d",
    "...",
    "\u{600}",
];
const GAPS: &[&str] = &[" ", " ", " ", " ", " ", "  ", "\n", "\t", "", "\u{3000}", "\u{a0}", "\u{200b}"];

fn random_text(rng: &mut Rng, bytes: usize) -> String {
    let mut text = String::new();
    // Texts of one kind, and of all kinds.
    let kinds = rng.usize(1..=PIECES.len());
    while text.len() < bytes {
        text += PIECES[rng.usize(..kinds)];
        text += GAPS[rng.usize(..GAPS.len())];
        if rng.u8(..100) == 0 {
            text += &" ".repeat(rng.usize(..5000));
        }
    }
    text
}

#[test]
fn a_text_that_is_cut_has_the_first_tokens_of_the_whole_text() {
    let Some(model) = e2e::weights(env!("CARGO_MANIFEST_DIR")) else { return };
    let file = model.join("tokenizer.json");
    let mut whole = tokenizers::Tokenizer::from_file(&file).unwrap();
    whole.with_padding(None).with_truncation(None).unwrap();
    let (first, last) = (whole.token_to_id("[CLS]").unwrap(), whole.token_to_id("[SEP]").unwrap());
    let mut rng = Rng::with_seed(7);
    let mut were_cut = 0;
    for max_tokens in [3, 16, 256, 512] {
        let tokenizer = Tokenizer::open(&file, &TokenizerOptions::new().max_tokens(max_tokens)).unwrap();
        for _ in 0..6 {
            let bytes = rng.usize(..60_000);
            let text = random_text(&mut rng, bytes);
            let encoding = tokenizer.encode(&text).unwrap();
            let of_whole = whole.encode(&*text, false).unwrap();
            let content = &of_whole.get_ids()[..of_whole.len().min(max_tokens - 2)];
            let expected: Vec<u32> = [&[first], content, &[last]].concat();
            assert_eq!(encoding.ids().collect::<Vec<_>>(), expected, "{max_tokens} tokens of {} bytes", text.len());
            assert_eq!(encoding.is_truncated(), of_whole.len() > max_tokens - 2);
            were_cut += usize::from(encoding.is_truncated());
            for (token, (start, end)) in of_whole.get_offsets()[..content.len()].iter().enumerate() {
                assert_eq!(encoding.span(token + 1), Some(*start..*end));
            }
        }
    }
    assert!(were_cut > 8, "{were_cut}");
}
