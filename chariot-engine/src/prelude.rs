//! The imports of an author's file: `use chariot_engine::prelude::*;`.

#[doc(no_inline)]
pub use crate::{
    Context, Engine, Error, Result, Settings, TensorInput, TensorOutput,
    input::{Input, Json, Row, Tensors, Text, WithParams},
    model::{Batch, BatchCost, Item, LoadContext, Model, Spec},
    output::Output,
    protocol::{InferRequest, InferResponse},
    reject,
    tasks::{ClassLabels, Classification, Detection, Detections, Regression, Segmentation},
};
// By its own path: `crate::chariot_engine` also names this crate, which is not to be re-exported.
pub use chariot_engine_macros::chariot_engine;

#[cfg(feature = "image")]
#[doc(no_inline)]
pub use crate::input::{Image, Pixels};

#[cfg(feature = "candle")]
#[doc(no_inline)]
pub use candle_core::Tensor;
