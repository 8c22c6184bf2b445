//! Outputs for Chariot's task types: one type per task, with the exact JSON that the platform expects.
//!
//! | file | contents |
//! |---|---|
//! | `task` | comparison of task names, for `CHARIOT_TASK_TYPE` |
//! | `labels` | class labels by ID |
//! | `classification` | Image, Text and Structured Data Classification |
//! | `detections`, `oriented_detections` | Object Detection, with axis-aligned and with rotated boxes |
//! | `nms`, `merge` | boxes that overlap a better one: leaving them out, or joining them |
//! | `overlap` | how much two boxes overlap |
//! | `segmentation` | Image Segmentation |
//! | `embedding` | Image and Text Embedding |
//! | `token_classification` | Token Classification |
//! | `text_generation` | Text Generation, Summarization, Translation |
//! | `logprobs` | the tokens of a generated text with their logarithmic probabilities, and its parts |
//! | `fill_mask`, `extracted_answer` | Text Fill Mask, Question Answering |
//! | `regression` | Structured Data Regression |
//! | `golden` | the golden files: the wire form of every task, as requests and responses |
//! | `check` | validation of a model's numbers, shared by the constructors |
//! | `schema` | building blocks of the outputs' JSON Schemas |
//! | `open_actions` | the `Output` implementation of tasks that the platform does not document |

mod check;
mod classification;
mod detections;
mod embedding;
mod extracted_answer;
mod fill_mask;
pub(crate) mod golden;
mod labels;
mod logprobs;
mod merge;
mod nms;
mod open_actions;
mod oriented_detections;
mod overlap;
mod regression;
mod schema;
mod segmentation;
mod task;
#[cfg(all(test, feature = "cli", feature = "image"))]
mod tests;
mod text_generation;
mod token_classification;

pub use classification::Classification;
pub use detections::{Detection, Detections, Keypoint};
pub use embedding::Embedding;
pub use extracted_answer::ExtractedAnswer;
pub use fill_mask::{FillMask, MaskPrediction};
pub use labels::{ClassLabels, ClassLabelsError};
pub use logprobs::{TextPart, TokenLogprob, TopLogprob};
pub use merge::merge;
pub use nms::{Candidate, Nms, nms, nms_indices};
pub use oriented_detections::{OrientedDetection, OrientedDetections};
pub use overlap::Overlap;
pub use regression::Regression;
pub use segmentation::{MaskLabels, Segmentation};
pub(crate) use task::same_task;
pub use text_generation::{FinishReason, GeneratedText, Summary, Translation, Usage};
pub use token_classification::{ClassifiedToken, TokenClassification};
