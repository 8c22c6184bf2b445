//! The imports of an engine's source file: `use chariot_engine::prelude::*;`.

#[doc(no_inline)]
pub use crate::{
    Context, Engine, Error, Result, SettingChoice, Settings, TensorInput, TensorOutput,
    input::{Chat, Input, Json, Prompt, Row, Tensors, Text, WithParams},
    model::{Batch, BatchCost, Item, LoadContext, Model, Spec, Worker},
    output::Output,
    protocol::{InferRequest, InferResponse},
    reject,
    tasks::{
        ClassLabels, Classification, ClassifiedToken, Detection, Detections, Embedding, ExtractedAnswer, FillMask,
        FinishReason, GeneratedText, Keypoint, MaskLabels, MaskPrediction, OrientedDetection, OrientedDetections,
        Regression, Segmentation, Summary, TokenClassification, Translation, Usage,
    },
};
// By its own path: at the root, the name means this crate too, which must not be re-exported.
pub use chariot_engine_macros::chariot_engine;

#[cfg(feature = "image")]
#[doc(no_inline)]
pub use crate::input::image::{Image, Pixels};

#[cfg(feature = "candle")]
#[doc(no_inline)]
pub use candle_core::Tensor;
