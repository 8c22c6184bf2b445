//! Texts as tokens: a model's `tokenizer.json`, batches of encoded texts, pooling, and entities in a text. Authors of
//! engines call it, and `model` attaches its encodings to items.
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
//! | `entities` | [`Aggregation`], from the scores of tokens to words and entities |
//! | `tensors`, `inputs` | the batch as tensors of candle, and as inputs of an ONNX file |

#[cfg(feature = "candle")]
mod byte_level;
mod config;
mod cuts;
mod encoding;
mod entities;
mod file;
#[cfg(any(feature = "onnx", feature = "onnx-tract"))]
mod inputs;
mod options;
mod pooling;
mod room;
#[cfg(feature = "candle")]
mod tensors;
#[cfg(test)]
mod tests;
mod token_batch;
mod tokenizer;

#[cfg(feature = "candle")]
pub(crate) use byte_level::{ByteLevel, Split};
pub use encoding::Encoding;
pub use entities::Aggregation;
#[cfg(any(feature = "onnx", feature = "onnx-tract"))]
pub use inputs::TokenInputs;
pub use options::TokenizerOptions;
pub use pooling::Pooling;
#[cfg(feature = "candle")]
pub use tensors::TokenTensors;
pub use token_batch::TokenBatch;
pub use tokenizer::Tokenizer;
