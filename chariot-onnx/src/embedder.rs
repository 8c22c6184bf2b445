//! [`OnnxEmbedder`], an ONNX file of a text encoder, with its tokenizer beside it.

use std::time::Duration;

use chariot_engine::{
    model::{Batch, BatchCost, Dim, Item, LoadContext, TensorSpec, Worker},
    onnx::{OnnxInput, OnnxSession},
    prelude::*,
    protocol::DataType,
};
use tokenizers::{Tokenizer, TruncationParams};

use crate::{
    engine_file::{EngineFile, Pooling, TextOptions},
    message::expected,
    network::{Network, Numbers, batch_limit},
    settings::OnnxSettings,
};

/// The inputs that an encoder can have.
const IDS: &str = "input_ids";
const MASK: &str = "attention_mask";
const TYPES: &str = "token_type_ids";

/// Texts whose numbers of tokens fall into one of these ranges share a call.
const BUCKET: usize = 16;

/// An encoder of texts: the inputs `input_ids`, `attention_mask` and `token_type_ids` as far as the file has them, the tokenizer
/// in `tokenizer.json`, and an output of shape `[n, tokens, width]` or `[n, width]`.
///
/// Texts of about the same number of tokens share a call, also those of several requests, up to 1024 tokens.
///
/// ```no_run
/// # fn main() -> std::process::ExitCode {
/// chariot_engine::Engine::builder().model::<chariot_onnx::OnnxEmbedder>("sentences").command_line()
/// # }
/// ```
pub struct OnnxEmbedder {
    network: Network,
    tokenizer: Tokenizer,
    options: TextOptions,
    /// The names of the inputs that the file has.
    inputs: Vec<&'static str>,
    /// The numbers of texts and of tokens in a call, if the file fixes them.
    texts: Option<usize>,
    length: Option<usize>,
}

/// The tokens of a text.
struct Tokens(Vec<i64>);

impl OnnxEmbedder {
    fn embed(&self, session: &mut OnnxSession, texts: &[&[i64]]) -> Result<Vec<Embedding>> {
        let mut all = Vec::with_capacity(texts.len());
        for texts in texts.chunks(self.texts.unwrap_or(texts.len()).max(1)) {
            let count = self.texts.unwrap_or(texts.len());
            let longest = texts.iter().map(|ids| ids.len()).max().unwrap_or(1);
            let length = self.length.unwrap_or(longest);
            let (mut ids, mut mask) = (vec![0_i64; count * length], vec![0_i64; count * length]);
            for (row, text) in texts.iter().enumerate() {
                ids[row * length..][..text.len()].copy_from_slice(text);
                mask[row * length..][..text.len()].fill(1);
            }
            // A text of no tokens would divide by zero.
            (texts.len()..count).for_each(|row| mask[row * length] = 1);
            let types = vec![0_i64; count * length];
            let shape = [count, length];
            let of = |name: &str| match name {
                IDS => OnnxInput::new(&shape, &ids),
                MASK => OnnxInput::new(&shape, &mask),
                _ => OnnxInput::new(&shape, &types),
            };
            let inputs: Vec<_> = self.inputs.iter().map(|name| (*name, of(name))).collect();
            let output = self.network.run(session, &inputs, &[2, 3])?;
            let fits = match output.shape[..] {
                [texts, _] => texts == count,
                [texts, tokens, _] => (texts, tokens) == (count, length),
                _ => false,
            };
            if !fits {
                let what = format!("an output of shape [{count}, {length}, width] or [{count}, width]");
                return Err(expected(what, format_args!("shape {:?}", output.shape)));
            }
            for (row, text) in texts.iter().enumerate() {
                all.push(self.pool(&output, row, text.len())?.with_tokens(text.len()));
            }
        }
        Ok(all)
    }

    fn pool(&self, output: &Numbers, row: usize, tokens: usize) -> Result<Embedding> {
        let mut vector = match output.shape[..] {
            [_, width] => output.values[row * width..][..width].to_vec(),
            [_, length, width] => {
                let of_tokens = &output.values[row * length * width..][..length * width];
                let first = of_tokens.get(..width).unwrap_or_default();
                match self.options.pooling {
                    Pooling::Cls => first.to_vec(),
                    Pooling::Mean => {
                        let mut mean = vec![0_f32; width];
                        for token in of_tokens.chunks_exact(width.max(1)).take(tokens) {
                            mean.iter_mut().zip(token).for_each(|(mean, value)| *mean += value);
                        }
                        mean.iter_mut().for_each(|mean| *mean /= tokens.max(1) as f32);
                        mean
                    }
                }
            }
            _ => return Err(expected("an output of 2 or 3 dimensions", output.shape.len())),
        };
        if self.options.normalize {
            let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            if norm > 0.0 {
                vector.iter_mut().for_each(|value| *value /= norm);
            }
        }
        Embedding::new(vector)
    }
}

/// Returns the name of an input that the engine can fill.
fn known(input: &TensorSpec) -> Result<&'static str> {
    let Some(name) = [IDS, MASK, TYPES].into_iter().find(|name| *name == input.name()) else {
        let what = format!("the inputs '{IDS}', '{MASK}' and '{TYPES}'");
        return Err(expected(what, format_args!("'{}'", input.name())));
    };
    if (input.datatype(), input.shape().len()) != (DataType::Int64, 2) {
        let got = format!("{} of shape {:?}", input.datatype(), input.metadata().shape);
        return Err(expected("INT64 of shape [n, tokens]", got)).context(format!("input '{name}'"));
    }
    Ok(name)
}

impl Model for OnnxEmbedder {
    type Settings = OnnxSettings;
    type Input = Text;
    type Output = Embedding;

    async fn load(ctx: &LoadContext<OnnxSettings>) -> Result<Self> {
        let file = EngineFile::load(ctx)?;
        let network = Network::open(ctx)?;
        let inputs: Vec<_> = network.inputs().iter().map(known).collect::<Result<_>>()?;
        let ids = network.inputs().iter().find(|input| input.name() == IDS);
        let Some(ids) = ids else {
            return Err(expected(format_args!("an input '{IDS}'"), "none"));
        };
        let length = ids.shape().get(1).and_then(|dim| if let Dim::Fixed(length) = dim { Some(*length) } else { None });
        let max_length = length.unwrap_or(usize::MAX).min(file.text.max_tokens);
        let path = ctx.file("tokenizer.json")?;
        let mut tokenizer = Tokenizer::from_file(&path).map_err(Error::from).context("reading 'tokenizer.json'")?;
        let truncation = TruncationParams { max_length, ..TruncationParams::default() };
        tokenizer.with_padding(None).with_truncation(Some(truncation)).map_err(Error::from)?;
        let texts = batch_limit(ids);
        if !inputs.contains(&MASK) && length.is_some() {
            let what = format!("an input '{MASK}', as the file fixes the number of tokens");
            return Err(expected(what, "none"));
        }
        Ok(OnnxEmbedder { network, tokenizer, options: file.text, inputs, texts, length })
    }

    fn spec() -> Spec {
        // Tokens: 64 texts of a line, or four of the longest. Short texts that share a call take half the time that they take
        // alone, so those that wait do.
        Spec::new::<Self>().max_batch(1024).batching(Duration::ZERO)
    }

    async fn warm_up(&self, worker: &Worker) -> Result<()> {
        let mut session = self.network.warm_up(worker)?;
        // The longest text, which the model may not have positions for, and two texts, which it may not take at once.
        let longest = vec![0; self.length.unwrap_or(usize::MAX).min(self.options.max_tokens)];
        self.embed(&mut session, &[&longest])?;
        self.embed(&mut session, &[&[0, 0], &[0, 0]]).map(drop)
    }

    fn admit(&self, item: &mut Item<Text>) -> Result<BatchCost> {
        let encoding = self.tokenizer.encode_fast(item.as_str(), true).map_err(Error::from)?;
        let ids: Vec<i64> = encoding.get_ids().iter().map(|id| i64::from(*id)).collect();
        if ids.is_empty() {
            reject!("expected a text with at least one token, got none");
        }
        let has_mask = self.inputs.contains(&MASK);
        // Texts are padded to the same number of tokens, and without a mask the model would read what pads them.
        let group = if has_mask { ids.len().div_ceil(BUCKET) } else { ids.len() };
        let padded = if has_mask { group * BUCKET } else { ids.len() };
        let cost = BatchCost::new(self.length.unwrap_or(padded)).group(group as u64);
        item.attach(Tokens(ids));
        Ok(cost)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Embedding>> {
        let mut session = self.network.session(&batch)?;
        let texts: Vec<&[i64]> = batch.attached::<Tokens>()?.into_iter().map(|tokens| &tokens.0[..]).collect();
        self.embed(&mut session, &texts)
    }
}

impl std::fmt::Debug for OnnxEmbedder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxEmbedder").field("inputs", &self.inputs).finish_non_exhaustive()
    }
}
