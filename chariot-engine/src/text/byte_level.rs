//! [`ByteLevel`]: tokenizers from their parts, as GGUF files hold them. `model` reads the parts, and
//! [`Tokenizer`](super::Tokenizer) is made from them.

use tokenizers::{
    AddedToken, PreTokenizerWrapper, SplitDelimiterBehavior,
    models::bpe::{BPE, Vocab},
    normalizers::NFC,
    pre_tokenizers::{
        byte_level::ByteLevel as Bytes,
        digits::Digits,
        sequence::Sequence,
        split::{Split as SplitAt, SplitPattern},
    },
    processors::template::{SpecialToken, TemplateProcessing},
};

use super::cuts::{LLAMA_3, QWEN_2};
use crate::error::{Error, Expected, Result, quoted};

/// The way in which a text is split into words before its bytes are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    /// As in GPT-2.
    Gpt2,
    /// As in SmolLM: each digit is a word, and then as in GPT-2.
    SmolLm,
    /// As in Llama 3. A word that is a token is taken whole.
    Llama3,
    /// As in Qwen 2: the text is normalized first (NFC).
    Qwen2,
}

/// The parts of a tokenizer that joins bytes, each of which is written as a character.
#[derive(Clone, Debug)]
pub(crate) struct ByteLevel {
    /// All tokens, by ID.
    pub(crate) tokens: Vec<String>,
    /// The pairs of tokens that are joined, the most important first.
    pub(crate) merges: Vec<(String, String)>,
    /// The IDs of tokens that are searched for in a text before it is split.
    pub(crate) added: Vec<u32>,
    pub(crate) split: Split,
    /// The ID of the token that begins each text.
    pub(crate) first: Option<u32>,
    /// The ID of the token that ends each text.
    pub(crate) last: Option<u32>,
    /// The ID of the token that pads.
    pub(crate) pad: Option<u32>,
    /// The largest number of tokens of a text.
    pub(crate) max_tokens: Option<usize>,
}

impl ByteLevel {
    /// Builds the tokenizer.
    ///
    /// # Errors
    /// Returns an error if a token exists twice, if a merge is of tokens that do not exist, or if an ID is out of range.
    pub(super) fn build(self) -> Result<tokenizers::Tokenizer> {
        let mut ids = Vocab::with_capacity(self.tokens.len());
        for (id, token) in (0u32..).zip(&self.tokens) {
            if let Some(other) = ids.insert(token.clone(), id) {
                let fault = Expected::new("each token once", format!("{} as {other} and as {id}", quoted(token)));
                return Err(fault.to_string().into());
            }
        }
        let token = |id: u32| {
            let range = || Expected::new(format!("an ID below {}", self.tokens.len()), id).to_string();
            self.tokens.get(id as usize).ok_or_else(|| Error::from(range()))
        };
        let added = self.added.iter().map(|id| Ok(AddedToken::from(token(*id)?, true).normalized(false)));
        let added = added.collect::<Result<Vec<_>>>()?;
        let ends = ends(
            self.first.map(|id| Ok::<_, Error>((id, token(id)?))).transpose()?,
            self.last.map(|id| Ok::<_, Error>((id, token(id)?))).transpose()?,
        )?;
        let bpe = BPE::builder().vocab_and_merges(ids, self.merges).ignore_merges(self.split == Split::Llama3);
        let mut tokenizer = tokenizers::Tokenizer::new(bpe.build()?);
        if self.split == Split::Qwen2 {
            tokenizer.with_normalizer(Some(NFC))?;
        }
        tokenizer.with_pre_tokenizer(Some(self.split.pre_tokenizer()?));
        tokenizer.with_post_processor(ends);
        tokenizer.with_decoder(Some(Bytes::default()));
        tokenizer.add_special_tokens(added)?;
        Ok(tokenizer)
    }
}

impl Split {
    fn pre_tokenizer(self) -> Result<PreTokenizerWrapper> {
        let bytes = |splits| Bytes::new(false, true, splits).into();
        let at = |pattern: &str| {
            let pattern = SplitPattern::Regex(pattern.to_owned());
            Ok::<_, Error>(SplitAt::new(pattern, SplitDelimiterBehavior::Isolated, false)?.into())
        };
        Ok(match self {
            Split::Gpt2 => bytes(true),
            Split::SmolLm => Sequence::new(vec![Digits::new(true).into(), bytes(true)]).into(),
            Split::Llama3 => Sequence::new(vec![at(LLAMA_3)?, bytes(false)]).into(),
            Split::Qwen2 => Sequence::new(vec![at(QWEN_2)?, bytes(false)]).into(),
        })
    }
}

/// Returns the step that adds a first and a last token.
fn ends(first: Option<(u32, &String)>, last: Option<(u32, &String)>) -> Result<Option<TemplateProcessing>> {
    let mut template = Vec::new();
    let mut special = Vec::new();
    // The names are ours: a token's own could have a meaning in a template.
    for (name, end) in [("first", first), ("$A", None), ("last", last)] {
        if end.is_some() || name == "$A" {
            template.push(name);
        }
        if let Some((id, token)) = end {
            special.push(SpecialToken::new(name.into(), vec![id], vec![token.clone()])?);
        }
    }
    if special.is_empty() {
        return Ok(None);
    }
    let template = TemplateProcessing::builder().try_single(template)?.special_tokens(special).build();
    Ok(Some(template.map_err(|error| Error::from(error.to_string()))?))
}
