//! Definitions that bare hyper and the engine share, so that both do the same work.

use serde::{Deserialize, Serialize};

/// The width and height to which pictures are resized, as classifiers of images take them.
pub(super) const SIDE: u32 = 224;

/// A row of structured data.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Row {
    length: f32,
    width: f32,
    color: String,
    ripe: bool,
}
