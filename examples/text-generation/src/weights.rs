//! The files of a model: one GGUF file, or `config.json` with `model.safetensors` and `tokenizer.json`. The engine opens
//! them, and the network takes its tensors by the names of Hugging Face.

use chariot_engine::{
    candle_nn::VarBuilder,
    model::Gguf,
    ops::{LayerNorm, Linear, Pairs},
    prelude::*,
    text::{ChatTemplate, Tokenizer},
};
use serde::Deserialize;

/// The sizes of the network, by the names of `config.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct Config {
    pub(crate) vocab_size: usize,
    pub(crate) max_position_embeddings: usize,
    pub(crate) hidden_size: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) num_hidden_layers: usize,
    pub(crate) num_attention_heads: usize,
    pub(crate) num_key_value_heads: usize,
    pub(crate) rms_norm_eps: f64,
    pub(crate) rope_theta: f64,
    pub(crate) eos_token_id: u32,
}

impl Config {
    fn of(file: &Gguf) -> Result<Self> {
        let tokens: Vec<String> = file.metadata("tokenizer.ggml.tokens")?;
        Ok(Config {
            vocab_size: tokens.len(),
            max_position_embeddings: file.metadata("llama.context_length")?,
            hidden_size: file.metadata("llama.embedding_length")?,
            intermediate_size: file.metadata("llama.feed_forward_length")?,
            num_hidden_layers: file.metadata("llama.block_count")?,
            num_attention_heads: file.metadata("llama.attention.head_count")?,
            num_key_value_heads: file.metadata("llama.attention.head_count_kv")?,
            rms_norm_eps: file.metadata("llama.attention.layer_norm_rms_epsilon")?,
            rope_theta: file.metadata("llama.rope.freq_base")?,
            eos_token_id: file.metadata("tokenizer.ggml.eos_token_id")?,
        })
    }
}

/// The files, with the sizes that they state.
pub(crate) struct Weights {
    source: Source,
    config: Config,
}

enum Source {
    Gguf(Gguf),
    Safetensors(VarBuilder<'static>),
}

/// The names of tensors in a GGUF file.
const NAMES: [(&str, &str); 11] = [
    ("embed_tokens", "token_embd"),
    ("norm", "output_norm"),
    ("input_layernorm", "attn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("post_attention_layernorm", "ffn_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
];

impl Weights {
    /// Opens the files of the model.
    ///
    /// # Errors
    /// Returns an error if one is missing or damaged.
    pub(crate) fn open(ctx: &LoadContext) -> Result<Self> {
        if ctx.file("config.json").is_ok() {
            let source = Source::Safetensors(ctx.safetensors("model.safetensors")?);
            return Ok(Weights { source, config: ctx.json("config.json")? });
        }
        let file = ctx.gguf(ctx.only_file("gguf")?)?;
        Ok(Weights { config: Config::of(&file)?, source: Source::Gguf(file) })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the tokenizer and the chat template.
    ///
    /// # Errors
    /// Returns an error if one is missing or damaged.
    pub(crate) fn texts(&self, ctx: &LoadContext) -> Result<(Tokenizer, ChatTemplate)> {
        match &self.source {
            Source::Gguf(file) => Ok((file.tokenizer()?, file.chat_template()?)),
            Source::Safetensors(_) => Ok((ctx.tokenizer("tokenizer.json")?, ctx.chat_template()?)),
        }
    }

    /// Returns the pairs of numbers in queries and keys.
    pub(crate) fn pairs(&self) -> Pairs {
        match self.source {
            Source::Gguf(_) => Pairs::Neighbors,
            Source::Safetensors(_) => Pairs::Halves,
        }
    }

    /// Returns a matrix of a layer, or the embedding, as a product.
    ///
    /// # Errors
    /// Returns an error if the matrix is missing or has another shape.
    pub(crate) fn product(&self, layer: Option<usize>, name: &str, shape: [usize; 2]) -> Result<Linear> {
        match &self.source {
            Source::Safetensors(weights) => {
                Ok(Linear::new(weights.get(&shape[..], &of_hugging_face(layer, name))?, None)?)
            }
            Source::Gguf(file) => {
                let name = of_gguf(layer, name);
                check(&name, file.tensor(&name)?.shape().dims(), &shape)?;
                file.linear(&name)
            }
        }
    }

    /// Returns the factors of a normalization.
    ///
    /// # Errors
    /// Returns an error if they are missing or of another number.
    pub(crate) fn norm(&self, layer: Option<usize>, name: &str) -> Result<LayerNorm> {
        let width = self.config.hidden_size;
        let factors = match &self.source {
            Source::Safetensors(weights) => weights.get(width, &of_hugging_face(layer, name))?,
            Source::Gguf(file) => {
                let name = of_gguf(layer, name);
                let factors = file.dequantized(&name)?;
                check(&name, factors.dims(), &[width])?;
                factors
            }
        };
        Ok(LayerNorm::rms(factors, self.config.rms_norm_eps)?)
    }
}

fn of_hugging_face(layer: Option<usize>, name: &str) -> String {
    match layer {
        Some(layer) => format!("model.layers.{layer}.{name}.weight"),
        None => format!("model.{name}.weight"),
    }
}

fn of_gguf(layer: Option<usize>, name: &str) -> String {
    let known = NAMES.iter().find(|(known, _)| *known == name).map_or(name, |(_, of_gguf)| of_gguf);
    match layer {
        Some(layer) => format!("blk.{layer}.{known}.weight"),
        None => format!("{known}.weight"),
    }
}

fn check(name: &str, got: &[usize], expected: &[usize]) -> Result<()> {
    if got != expected {
        return Err(format!("'{name}': expected shape {expected:?}, got {got:?}").into());
    }
    Ok(())
}
