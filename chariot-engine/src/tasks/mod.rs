//! Chariot's task types: their names, and for each the exact shape of its answer.
//!
//! | file | holds |
//! |---|---|
//! | `task` | which task a `CHARIOT_TASK_TYPE` names |
//! | `labels` | class labels by id |
//! | `classification` | Image, Text and Structured Data Classification |
//! | `detections`, `oriented_detections` | Object Detection, with upright and with turned boxes |
//! | `segmentation` | Image Segmentation |
//! | `embedding` | Image and Text Embedding |
//! | `token_classification` | Token Classification |
//! | `texts` | Text Generation, Summarization, Translation |
//! | `fill_mask`, `answer` | Text Fill Mask, Question Answering |
//! | `regression` | Structured Data Regression |
//! | `check` | what constructors check of a model's numbers |
//! | `schema` | what the OpenAPI document says of answers |
//! | `open` | what outputs share whose task the platform does not document |

mod answer;
mod check;
mod classification;
mod detections;
mod embedding;
mod fill_mask;
mod labels;
mod open;
mod oriented_detections;
mod regression;
mod schema;
mod segmentation;
mod task;
mod texts;
mod token_classification;

pub use answer::Answer;
pub use classification::Classification;
pub use detections::{Detection, Detections};
pub use embedding::Embedding;
pub use fill_mask::{FillMask, Filling};
pub use labels::ClassLabels;
pub use oriented_detections::{OrientedDetection, OrientedDetections};
pub use regression::Regression;
pub use segmentation::Segmentation;
pub(crate) use task::same_task;
pub use texts::{GeneratedText, Summary, Translation};
pub use token_classification::{Entity, TokenClassification};
