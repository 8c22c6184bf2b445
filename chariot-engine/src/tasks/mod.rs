//! Chariot's task types: their names, and for each the exact shape of its answer.
//!
//! | file | holds |
//! |---|---|
//! | `task` | which task a `CHARIOT_TASK_TYPE` names |
//! | `labels` | class labels by id |
//! | `classification` | Image and Text Classification |

mod classification;
mod labels;
mod task;

pub use classification::Classification;
pub use labels::ClassLabels;
pub(crate) use task::same_task;
