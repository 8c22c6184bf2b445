//! The files of a model: one GGUF file, or `config.json` with `model.safetensors` and `tokenizer.json`. The engine opens
//! them, and the network takes its tensors by the names of Hugging Face.

use chariot_engine::{
    candle,
    candle::Tensor,
    candle_nn::VarBuilder,
    model::Gguf,
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

/// The names of a layer's tensors in a GGUF file.
const NAMES: [(&str, &str); 9] = [
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

    /// Returns a tensor of a layer, or one of no layer.
    ///
    /// # Errors
    /// Returns an error if the tensor is missing or has another shape.
    pub(crate) fn get(&self, layer: Option<usize>, name: &str, shape: &[usize]) -> Result<Tensor> {
        match (&self.source, layer) {
            (Source::Safetensors(weights), Some(layer)) => {
                Ok(weights.pp("model.layers").pp(layer).get(shape, &format!("{name}.weight"))?)
            }
            (Source::Safetensors(weights), None) => Ok(weights.pp("model").get(shape, &format!("{name}.weight"))?),
            (Source::Gguf(file), _) => {
                let known = NAMES.iter().find(|(of_layer, _)| *of_layer == name).map(|(_, known)| *known);
                let name = match (layer, known, name) {
                    (Some(layer), Some(known), _) => format!("blk.{layer}.{known}.weight"),
                    (_, _, "embed_tokens") => "token_embd.weight".to_owned(),
                    _ => "output_norm.weight".to_owned(),
                };
                let tensor = file.dequantized(&name)?;
                if tensor.dims() != shape {
                    return Err(format!("'{name}': expected shape {shape:?}, got {:?}", tensor.dims()).into());
                }
                match known {
                    Some("attn_q") => Ok(halves(&tensor, self.config.num_attention_heads)?),
                    Some("attn_k") => Ok(halves(&tensor, self.config.num_key_value_heads)?),
                    _ => Ok(tensor),
                }
            }
        }
    }
}

/// Returns the rows of each head with those of the first half before those of the second, as Hugging Face has them. GGUF
/// files have them in turns.
fn halves(weight: &Tensor, heads: usize) -> candle::Result<Tensor> {
    let (out, from) = weight.dims2()?;
    weight.reshape((heads, out / heads / 2, 2, from))?.transpose(1, 2)?.reshape((out, from))
}
