//! Texts as tokens: a model's `tokenizer.json`, batches of encoded texts, pooling, entities in a text, and the generation
//! of text. Authors of engines call it, and `model` attaches its encodings to items.
//!
//! | file | holds |
//! |---|---|
//! | `options` | [`TokenizerOptions`] |
//! | `file` | the reading of `tokenizer.json`, with its checks |
//! | `byte_level` | tokenizers from their parts, as GGUF files hold them |
//! | `config` | the files beside it that say how long texts may be, and what pads them |
//! | `cuts` | the places where a long text can be cut before it is encoded |
//! | `room` | the memory that encoding takes |
//! | `encoding` | [`Encoding`], the tokens of one text |
//! | `tokenizer` | [`Tokenizer`] |
//! | `token_batch` | [`TokenBatch`], several encodings, padded |
//! | `pooling` | [`Pooling`], from the vectors of tokens to the vector of a text |
//! | `chat_template`, `python_json` | [`ChatTemplate`], the template that writes a conversation as a prompt, and JSON as it expects it |
//! | `sampler` | [`Sampler`], the choice of the next token |
//! | `logprobs` | the tokens of a text with their logarithmic probabilities |
//! | `stops`, `token_text` | the search for stop texts, and the text of tokens that arrive one by one |
//! | `token_bytes` | the bytes that tokens stand for |
//! | `generation` | [`Generation`], a text from the logits of each token to the output |
//! | `entities` | [`Aggregation`], from the scores of tokens to words and entities |
//! | `tensors`, `inputs` | the batch as tensors of candle, and as inputs of an ONNX file |

#[cfg(feature = "candle")]
mod byte_level;
mod chat_template;
mod config;
mod cuts;
mod encoding;
mod entities;
mod file;
mod generation;
#[cfg(any(feature = "onnx", feature = "onnx-tract"))]
mod inputs;
mod logprobs;
mod options;
mod pooling;
mod python_json;
mod room;
mod sampler;
mod stops;
#[cfg(feature = "candle")]
mod tensors;
#[cfg(test)]
mod tests;
mod token_batch;
mod token_bytes;
mod token_text;
mod tokenizer;

#[cfg(feature = "candle")]
pub(crate) use byte_level::{ByteLevel, Split};
pub use chat_template::ChatTemplate;
pub use encoding::Encoding;
pub use entities::Aggregation;
pub use generation::Generation;
#[cfg(any(feature = "onnx", feature = "onnx-tract"))]
pub use inputs::TokenInputs;
pub use options::TokenizerOptions;
pub use pooling::Pooling;
pub use sampler::Sampler;
#[cfg(feature = "candle")]
pub use tensors::TokenTensors;
pub use token_batch::TokenBatch;
pub use tokenizer::Tokenizer;
