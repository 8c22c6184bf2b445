//! The types that an author works with: the [`Model`] trait, and the arguments of `load` and `infer`.
//!
//! | file | holds |
//! |---|---|
//! | `definition` | the `Model` trait |
//! | `spec` | `Spec`: the declaration of an engine |
//! | `batch`, `rows` | `Batch`: the items of one call of `infer`, and the rows of joined tensors |
//! | `item` | `Item`: one item of a request |
//! | `scratch` | the state of a worker, separate from the shared model |
//! | `context` | `LoadContext`: the argument of `load` |
//! | `model_files` | the search for a model's files |
//! | `weights`, `mapped` | safetensors files; `mapped` has the only `unsafe` code for them |

mod batch;
mod context;
mod definition;
mod item;
#[cfg(feature = "candle")]
#[allow(unsafe_code)]
mod mapped;
mod model_files;
mod rows;
mod scratch;
mod spec;
#[cfg(feature = "candle")]
mod weights;

pub use batch::Batch;
pub(crate) use context::LoadCommon;
pub use context::LoadContext;
pub(crate) use definition::PayloadOf;
pub use definition::{ModalityOf, Model};
pub use item::Item;
pub(crate) use item::{Attached, ErrorLocation, ItemInfo};
#[cfg(feature = "cli")]
pub(crate) use model_files::{file_if_any, is_system_file, read_labels};
pub use rows::Rows;
pub use scratch::Scratch;
pub(crate) use scratch::ScratchPool;
pub use spec::Spec;

pub use crate::{
    input::BatchCost,
    signature::{Dim, TensorSpec},
};
