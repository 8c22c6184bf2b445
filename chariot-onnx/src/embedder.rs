//! [`OnnxEmbedder`], an ONNX file of a text encoder, with its tokenizer beside it.

use std::time::Duration;

use chariot_engine::{
    model::{Batch, BatchCost, Dim, Item, LoadContext, Worker},
    onnx::OnnxSession,
    prelude::*,
    text::{Encoding, TokenBatch, TokenInputs, Tokenizer, TokenizerOptions},
};

use crate::{
    engine_file::{EngineFile, TextOptions},
    message::expected,
    network::{Network, Numbers, batch_limit},
    settings::OnnxSettings,
};

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
    inputs: TokenInputs,
    /// The numbers of texts and of tokens in a call, if the file fixes them.
    texts: Option<usize>,
    length: Option<usize>,
}

impl OnnxEmbedder {
    fn embed(&self, session: &mut OnnxSession, texts: &[(&str, &Encoding)]) -> Result<Vec<Embedding>> {
        let mut all = Vec::with_capacity(texts.len());
        for texts in texts.chunks(self.texts.unwrap_or(texts.len()).max(1)) {
            let tokens = TokenBatch::padded(texts.iter().copied(), self.texts.unwrap_or(0), self.length.unwrap_or(0));
            let Numbers { shape, values } = self.run(session, &tokens)?;
            match shape[..] {
                [_, width] => {
                    let rows = values.chunks_exact(width.max(1)).zip(tokens.lengths());
                    for (row, tokens) in rows {
                        all.push(Embedding::new(self.normalized(row))?.with_tokens(tokens));
                    }
                }
                _ => all.extend(tokens.embeddings(&values, self.options.pooling())?),
            }
        }
        Ok(all)
    }

    /// Runs the network, and returns its output, of shape `[n, tokens, width]` or `[n, width]`.
    fn run(&self, session: &mut OnnxSession, tokens: &TokenBatch<'_>) -> Result<Numbers> {
        let output = self.network.run(session, &self.inputs.from(tokens), &[2, 3])?;
        let [count, length] = tokens.shape();
        let fits = match output.shape[..] {
            [texts, _] => texts == count,
            [texts, tokens, _] => (texts, tokens) == (count, length),
            _ => false,
        };
        if fits {
            return Ok(output);
        }
        let what = format!("an output of shape [{count}, {length}, width] or [{count}, width]");
        Err(expected(what, format_args!("shape {:?}", output.shape)))
    }

    /// Divides the vector of a text by its length, if the options say so.
    fn normalized(&self, vector: &[f32]) -> Vec<f32> {
        let norm = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        match self.options.normalize && norm > 0.0 {
            true => vector.iter().map(|value| (f64::from(*value) / norm) as f32).collect(),
            false => vector.to_vec(),
        }
    }
}

impl Model for OnnxEmbedder {
    type Settings = OnnxSettings;
    type Input = Text;
    type Output = Embedding;

    async fn load(ctx: &LoadContext<OnnxSettings>) -> Result<Self> {
        let file = EngineFile::load(ctx)?;
        let network = Network::open(ctx)?;
        let inputs = TokenInputs::of(network.inputs())?;
        let Some(ids) = network.inputs().iter().find(|input| input.name() == "input_ids") else {
            return Err(expected("an input 'input_ids'", "none"));
        };
        let length = ids.shape().get(1).and_then(|dim| if let Dim::Fixed(length) = dim { Some(*length) } else { None });
        let texts = batch_limit(ids);
        let max_tokens = length.unwrap_or(usize::MAX).min(file.text.max_tokens);
        let tokenizer = ctx.tokenizer_with("tokenizer.json", &TokenizerOptions::new().max_tokens(max_tokens))?;
        if !inputs.have_mask() && length.is_some() {
            let what = "an input 'attention_mask', as the file fixes the number of tokens";
            return Err(expected(what, "none"));
        }
        Ok(OnnxEmbedder { network, tokenizer, options: file.text, inputs, texts, length })
    }

    fn spec() -> Spec {
        // 64 texts of a line, or four of the longest. Short texts that share a call take half the time that they take
        // alone, so those that wait do.
        Spec::new::<Self>().max_tokens(1024).batching(Duration::ZERO)
    }

    async fn warm_up(&self, worker: &Worker) -> Result<()> {
        let mut session = self.network.warm_up(worker)?;
        // The longest text, which the model may not have positions for, and two texts, which it may not take at once.
        for (rows, tokens) in [(1, self.tokenizer.max_tokens()), (2, 2)] {
            let tokens = TokenBatch::padded([], self.texts.unwrap_or(rows), self.length.unwrap_or(tokens));
            self.run(&mut session, &tokens)?;
        }
        Ok(())
    }

    fn admit(&self, item: &mut Item<Text>) -> Result<BatchCost> {
        let cost = self.tokenizer.admit(item)?;
        Ok(match self.length {
            Some(length) => BatchCost::tokens(length),
            None if self.inputs.have_mask() => cost,
            // Without a mask the model would read what pads a text.
            None => {
                let tokens = item.attached::<Encoding>().map_or(1, Encoding::len);
                BatchCost::tokens(tokens).group(tokens as u64)
            }
        })
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Embedding>> {
        let mut session = self.network.session(&batch)?;
        let encodings = batch.attached::<Encoding>()?;
        let texts: Vec<_> = batch.iter().map(|item| item.as_str()).zip(encodings).collect();
        self.embed(&mut session, &texts)
    }
}

impl std::fmt::Debug for OnnxEmbedder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxEmbedder").field("inputs", &self.inputs).finish_non_exhaustive()
    }
}
