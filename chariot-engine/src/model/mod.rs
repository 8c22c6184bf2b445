//! The types that an author works with: the [`Model`] trait, and the arguments of `load` and `infer`.
//!
//! | file | holds |
//! |---|---|
//! | `definition` | the `Model` trait |
//! | `spec` | `Spec`: the declaration of an engine |
//! | `batch`, `rows` | `Batch`: the items of one call of `infer`, and the rows of joined tensors |
//! | `item` | `Item`: one item of a request |
//! | `keyed` | the states of sessions, by key |
//! | `scratch` | the state of a worker, separate from the shared model |
//! | `generator`, `generator_model` | `Generator`: an engine that generates text, and every one as a `Model` |
//! | `sequences` | the loop that steps the sequences of a worker together |
//! | `tokens` | the tokens of items: `Tokenizer::admit` and `Batch::tokens` |
//! | `worker` | `Worker`: the argument of `warm_up` |
//! | `context`, `context_texts` | `LoadContext`: the argument of `load` |
//! | `model_files` | the search for a model's files |
//! | `named` | tensors by name as candle's `VarBuilder` |
//! | `weights`, `shards`, `mapped` | safetensors files; `mapped` has the only `unsafe` code for them |
//! | `gguf`, `gguf_header`, `gguf_value`, `gguf_tokenizer` | GGUF files, and the tokenizers in them |
//! | `pth`, `checkpoint`, `pickle` | PyTorch's files |

mod batch;
#[cfg(feature = "candle")]
mod checkpoint;
mod context;
#[cfg(feature = "text")]
mod context_texts;
mod definition;
#[cfg(feature = "text")]
mod generator;
#[cfg(feature = "text")]
mod generator_model;
#[cfg(feature = "candle")]
mod gguf;
#[cfg(feature = "candle")]
mod gguf_header;
#[cfg(all(feature = "candle", feature = "text"))]
mod gguf_tokenizer;
#[cfg(feature = "candle")]
mod gguf_value;
mod item;
mod keyed;
#[cfg(feature = "candle")]
#[allow(unsafe_code)]
mod mapped;
mod model_files;
#[cfg(feature = "candle")]
mod named;
#[cfg(feature = "candle")]
mod pickle;
#[cfg(feature = "candle")]
mod pth;
mod rows;
mod scratch;
#[cfg(feature = "text")]
mod sequences;
#[cfg(feature = "candle")]
mod shards;
mod spec;
#[cfg(feature = "text")]
mod tokens;
#[cfg(feature = "candle")]
mod weights;
mod worker;

pub use batch::Batch;
pub(crate) use context::LoadCommon;
pub use context::LoadContext;
pub(crate) use definition::PayloadOf;
pub use definition::{ModalityOf, Model};
#[cfg(feature = "text")]
pub use generator::{GenerationLimits, Generator, Next, PromptInput};
#[cfg(feature = "candle")]
pub use gguf::Gguf;
#[cfg(feature = "candle")]
pub use gguf_value::GgufValue;
pub use item::Item;
pub(crate) use item::{Attachments, ErrorLocation, ItemInfo, SharedInfo};
pub use keyed::{KeyedState, KeyedStates};
pub use model_files::ModelFiles;
#[cfg(feature = "cli")]
pub(crate) use model_files::{file_if_any, is_system_file, read_labels};
pub use rows::Rows;
pub use scratch::Scratch;
pub(crate) use scratch::{ScratchPool, set_discarding};
#[doc(hidden)]
pub use spec::AnswerKind;
pub use spec::Spec;
pub use worker::Worker;

pub use crate::{
    input::BatchCost,
    signature::{Dim, Signature, TensorSpec},
};
