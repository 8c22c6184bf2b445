//! The tokenizer in a GGUF file, and its chat template: [`Gguf::tokenizer`], [`Gguf::chat_template`].

use super::gguf::Gguf;
use crate::{
    error::{Context, Error, Expected, Result, quoted},
    text::{ByteLevel, ChatTemplate, Split, Tokenizer, TokenizerOptions},
};

/// The ways to split a text, by the names that GGUF files have for them. The rules of each are those of the first model
/// that used it; other names are other rules, or are not proven to be these.
const SPLITS: [(&str, Split); 6] = [
    ("gpt-2", Split::Gpt2),
    ("smollm", Split::SmolLm),
    ("llama-bpe", Split::Llama3),
    ("llama3", Split::Llama3),
    ("llama-v3", Split::Llama3),
    ("qwen2", Split::Qwen2),
];

/// The types of tokens: special ones, and those that somebody added. Both are searched for in a text.
const ADDED: [u8; 2] = [3, 4];

impl Gguf {
    /// Makes the tokenizer of the file, with texts of at most the model's context length, and cuts longer texts. See
    /// [`Tokenizer`].
    ///
    /// It gives the tokens that the `tokenizer.json` of the model gives. It knows byte-level BPE
    /// (`tokenizer.ggml.model` is `gpt2`) with the splits of GPT-2, SmolLM, Llama 3 and Qwen 2 (`tokenizer.ggml.pre` is
    /// `gpt-2`, `smollm`, `llama-bpe`, `llama3`, `llama-v3` or `qwen2`). For other files put the `tokenizer.json` of the
    /// model beside the file, and read it with [`LoadContext::tokenizer`](super::LoadContext::tokenizer).
    ///
    /// ```no_run
    /// use chariot_engine::{Result, model::{Gguf, LoadContext}, text::Tokenizer};
    ///
    /// fn load(ctx: &LoadContext) -> Result<(Gguf, Tokenizer)> {
    ///     let file = ctx.gguf("model.gguf")?;
    ///     let tokenizer = file.tokenizer()?;
    ///     Ok((file, tokenizer))
    /// }
    /// ```
    ///
    /// # Errors
    /// Returns an error that names the file and the key if the file has a tokenizer of another kind, none, or a damaged one.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        self.tokenizer_with(&TokenizerOptions::new())
    }

    /// Makes the tokenizer of the file with options of your own. Otherwise like [`tokenizer`](Self::tokenizer).
    ///
    /// # Errors
    /// Returns the errors of [`tokenizer`](Self::tokenizer).
    pub fn tokenizer_with(&self, options: &TokenizerOptions) -> Result<Tokenizer> {
        let advice = "use the 'tokenizer.json' of the model instead";
        let model: String = self.metadata("tokenizer.ggml.model")?;
        if model != "gpt2" {
            let fault = Expected::new("'gpt2', which is byte-level BPE", quoted(&model));
            return Err(self.metadata_fault("tokenizer.ggml.model", format_args!("{fault}; {advice}")));
        }
        let pre: String = self.metadata("tokenizer.ggml.pre")?;
        let Some((_, split)) = SPLITS.iter().find(|(name, _)| *name == pre) else {
            let known = SPLITS.map(|(name, _)| name).join(", ");
            let fault = Expected::new(format!("one of {known}"), quoted(&pre));
            return Err(self.metadata_fault("tokenizer.ggml.pre", format_args!("{fault}; {advice}")));
        };
        let tokens: Vec<String> = self.metadata("tokenizer.ggml.tokens")?;
        let parts = ByteLevel {
            added: self.added(&tokens)?,
            merges: self.merges()?,
            split: *split,
            first: self.end("bos", *split == Split::Llama3)?,
            last: self.end("eos", false)?,
            pad: self.metadata_if_any("tokenizer.ggml.padding_token_id")?,
            max_tokens: if options.has_max_tokens() { None } else { Some(self.context_length()?) },
            tokens,
        };
        Tokenizer::from_byte_level(parts, options)
            .context("making a tokenizer from the metadata 'tokenizer.ggml.*'")
            .context(quoted(self.file()))
    }

    /// Returns the chat template of the file (`tokenizer.chat_template`), with its first and last tokens.
    ///
    /// # Errors
    /// Returns an error that names the file and the key if there is none, and the errors of [`ChatTemplate::new`].
    pub fn chat_template(&self) -> Result<ChatTemplate> {
        let template =
            ChatTemplate::new(self.metadata::<String>("tokenizer.chat_template")?).context(quoted(self.file()))?;
        let tokens: Vec<String> = self.metadata("tokenizer.ggml.tokens")?;
        let token = |name: &str| {
            let id: Option<usize> = self.metadata_if_any(&format!("tokenizer.ggml.{name}_token_id"))?;
            Ok::<_, Error>(id.and_then(|id| tokens.get(id)).cloned().unwrap_or_default())
        };
        Ok(template.with_tokens(token("bos")?, token("eos")?))
    }

    /// Returns the IDs of the tokens that are searched for in a text.
    fn added(&self, tokens: &[String]) -> Result<Vec<u32>> {
        let key = "tokenizer.ggml.token_type";
        let types: Vec<u8> = self.metadata(key)?;
        if types.len() != tokens.len() {
            let fault = Expected::new(format!("{} types, one for each token", tokens.len()), types.len());
            return Err(self.metadata_fault(key, fault));
        }
        // The search would find an empty token everywhere.
        let added =
            (0u32..).zip(types).zip(tokens).filter(|((_, kind), token)| ADDED.contains(kind) && !token.is_empty());
        Ok(added.map(|((id, _), _)| id).collect())
    }

    fn merges(&self) -> Result<Vec<(String, String)>> {
        let key = "tokenizer.ggml.merges";
        let merges: Vec<String> = self.metadata(key)?;
        let pair = |(index, merge): (usize, &String)| {
            let pair = merge.split_once(' ').filter(|(left, right)| !left.is_empty() && !right.is_empty());
            let (left, right) = pair.ok_or_else(|| {
                let fault = Expected::new("two tokens with a space between them", quoted(merge));
                self.metadata_fault(key, format_args!("element {index}: {fault}"))
            })?;
            Ok((left.to_owned(), right.to_owned()))
        };
        merges.iter().enumerate().map(pair).collect()
    }

    /// Returns the ID of the token that begins (`bos`) or ends (`eos`) each text, if one does.
    fn end(&self, name: &str, default: bool) -> Result<Option<u32>> {
        let adds = self.metadata_if_any(&format!("tokenizer.ggml.add_{name}_token"))?.unwrap_or(default);
        adds.then(|| self.metadata(&format!("tokenizer.ggml.{name}_token_id"))).transpose()
    }

    fn context_length(&self) -> Result<usize> {
        let architecture: String = self.metadata("general.architecture")?;
        self.metadata(&format!("{architecture}.context_length"))
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, io::Cursor};

    use candle_core::{
        Device,
        quantized::gguf_file::{self, Value},
    };
    use serde::Deserialize;

    use super::*;

    const FILES: [(&str, &[u8]); 4] = [
        ("gpt-2", include_bytes!("tiny/gpt-2.gguf")),
        ("smollm", include_bytes!("tiny/smollm.gguf")),
        ("llama-bpe", include_bytes!("tiny/llama-bpe.gguf")),
        ("qwen2", include_bytes!("tiny/qwen2.gguf")),
    ];

    /// Texts, and the tokens of each by the kind of tokenizer.
    #[derive(Deserialize)]
    struct Reference {
        texts: Vec<String>,
        tokens: BTreeMap<String, Vec<Vec<u32>>>,
    }

    fn open(bytes: &[u8]) -> Gguf {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.gguf");
        std::fs::write(&path, bytes).unwrap();
        Gguf::open(&path, &Device::Cpu).unwrap()
    }

    fn ids(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
        tokenizer.encode(text).unwrap().ids().collect()
    }

    #[test]
    fn each_kind_gives_the_tokens_of_the_reference() {
        let reference: Reference = serde_json::from_str(include_str!("tiny/tokens.json")).unwrap();
        for (kind, file) in FILES {
            let tokenizer = open(file).tokenizer().unwrap();
            let (first, last) = (tokenizer.token_id("<|start|>").unwrap(), tokenizer.token_id("<|end|>").unwrap());
            assert_eq!((tokenizer.max_tokens(), tokenizer.vocabulary_size() as u32), (64, last + 1));
            assert_eq!(tokenizer.pad_id(), last);
            for (text, tokens) in reference.texts.iter().zip(&reference.tokens[kind]) {
                let mut expected = tokens.clone();
                if kind == "llama-bpe" {
                    expected.insert(0, first);
                }
                assert_eq!(ids(&tokenizer, text), expected, "{kind}: {text:?}");
            }
        }
    }

    #[test]
    fn long_texts_are_cut_and_the_length_can_be_set() {
        for (kind, file) in FILES {
            let file = open(file);
            let text = "isn't it 2024? ".repeat(2000);
            let whole = ids(&file.tokenizer_with(&TokenizerOptions::new().max_tokens(1 << 20)).unwrap(), &text);
            assert!(whole.len() > 10_000);
            assert_eq!(ids(&file.tokenizer().unwrap(), &text), whole[..64], "{kind}");
            let refuses = file.tokenizer_with(&TokenizerOptions::new().truncate(false)).unwrap();
            assert!(refuses.encode(&text).unwrap_err().to_string().contains("at most 64 tokens"));
        }
    }

    /// Returns a list of strings.
    fn strings<'a>(words: impl IntoIterator<Item = &'a str>) -> Value {
        Value::Array(words.into_iter().map(|word| Value::String(word.into())).collect())
    }

    fn types(types: &[i32]) -> Value {
        Value::Array(types.iter().map(|kind| Value::I32(*kind)).collect())
    }

    /// Returns a file of five tokens with these changes: a value replaces another, and `None` removes it.
    fn changed(changes: &[(&str, Option<Value>)]) -> Gguf {
        let mut metadata: BTreeMap<&str, Value> = BTreeMap::from([
            ("general.architecture", Value::String("llama".into())),
            ("llama.context_length", Value::U32(8)),
            ("tokenizer.ggml.model", Value::String("gpt2".into())),
            ("tokenizer.ggml.pre", Value::String("smollm".into())),
            ("tokenizer.ggml.tokens", strings(["a", "b", "ab", "<s>", "</s>"])),
            ("tokenizer.ggml.token_type", types(&[1, 1, 1, 3, 4])),
            ("tokenizer.ggml.merges", strings(["a b"])),
            ("tokenizer.ggml.bos_token_id", Value::U32(3)),
            ("tokenizer.ggml.eos_token_id", Value::U32(4)),
        ]);
        for (key, value) in changes {
            match value {
                Some(value) => metadata.insert(key, value.clone()),
                None => metadata.remove(key),
            };
        }
        let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, value)).collect();
        let mut file = Cursor::new(vec![]);
        gguf_file::write(&mut file, &metadata, &[]).unwrap();
        open(&file.into_inner())
    }

    #[test]
    fn first_and_last_tokens_are_added_as_the_file_says() {
        let cases: [(&[&str], &[u32]); 4] =
            [(&[], &[2, 0]), (&["bos"], &[3, 2, 0]), (&["eos"], &[2, 0, 4]), (&["bos", "eos"], &[3, 2, 0, 4])];
        for (added, expected) in cases {
            let keys: Vec<String> = added.iter().map(|name| format!("tokenizer.ggml.add_{name}_token")).collect();
            let changes: Vec<_> = keys.iter().map(|key| (key.as_str(), Some(Value::Bool(true)))).collect();
            let tokenizer = changed(&changes).tokenizer().unwrap();
            assert_eq!(ids(&tokenizer, "aba"), expected);
            assert_eq!(tokenizer.encode("ab".repeat(100).as_str()).unwrap().len(), 8);
        }
        // Those of the text are found, whether they are special or were added by somebody.
        assert_eq!(ids(&changed(&[]).tokenizer().unwrap(), "<s>ab</s>a"), [3, 2, 4, 0]);
        // A character without a token is skipped, as if it were not there.
        assert_eq!(ids(&changed(&[]).tokenizer().unwrap(), "axb"), [2]);
    }

    #[test]
    fn other_files_are_refused_by_name() {
        let text = |text: &str| Some(Value::String(text.into()));
        let key = |name: &str| format!("tokenizer.ggml.{name}");
        let cases = [
            ("no model", key("model"), None),
            ("another model", key("model"), text("llama")),
            ("no split", key("pre"), None),
            ("another split", key("pre"), text("tekken")),
            ("no tokens", key("tokens"), None),
            ("a token twice", key("tokens"), Some(strings(["a", "b", "ab", "<s>", "a"]))),
            ("no types", key("token_type"), None),
            ("too few types", key("token_type"), Some(types(&[1, 1]))),
            ("a type that is no number", key("token_type"), Some(strings(["1", "1", "1", "1", "1"]))),
            ("no merges", key("merges"), None),
            ("a merge of one token", key("merges"), Some(strings(["a b", "ab"]))),
            ("a merge of nothing", key("merges"), Some(strings(["a "]))),
            ("a merge of unknown tokens", key("merges"), Some(strings(["a c"]))),
            ("a first token that is not there", key("bos_token_id"), Some(Value::U32(5))),
            ("no first token", key("bos_token_id"), None),
            ("no length", "llama.context_length".into(), None),
            ("a length of nothing", "llama.context_length".into(), Some(Value::U32(1))),
        ];
        let mut messages = String::new();
        for (case, key, value) in cases {
            let file = changed(&[("tokenizer.ggml.add_bos_token", Some(Value::Bool(true))), (key.as_str(), value)]);
            let error = file.tokenizer().map(|_| ()).unwrap_err();
            messages += &format!("{case} → {error}\n");
        }
        insta::assert_snapshot!("tokenizers", messages);
    }
}
