//! What the constructors of outputs check of a model's numbers, and the order of what they hold. A fault is the
//! engine's, never the caller's.

use super::ClassLabels;
use crate::error::Result;

/// A score, a coordinate or another number of the `index`th result.
pub(super) fn finite(result: &str, index: usize, what: &str, value: f32) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    Err(format!("the model's {result} {index} has the {what} {value}").into())
}

/// A class that the `index`th result names.
pub(super) fn class(result: &str, index: usize, class: usize, labels: &ClassLabels) -> Result<()> {
    if class < labels.len() {
        return Ok(());
    }
    let labels = labels.len();
    Err(format!(
        "the model's {result} {index} is of class {class}, and there are {labels} labels: class_labels.json belongs to \
         another model"
    )
    .into())
}

/// The width and the height of a picture.
pub(super) fn size((width, height): (u32, u32)) -> Result<()> {
    if width > 0 && height > 0 {
        return Ok(());
    }
    Err(format!("a picture of {width} x {height} pixels holds nothing that could be found").into())
}

/// Whether a score is to be reported. One that is `NaN` is kept, so that it is noticed.
pub(super) fn reaches(score: f32, threshold: f32) -> bool {
    score.is_nan() || score >= threshold
}

/// Sorts by score, best first; what has the same score keeps its order.
pub(super) fn best_first<T>(results: &mut [T], score: impl Fn(&T) -> f32) {
    results.sort_by(|a, b| score(b).total_cmp(&score(a)));
}

/// Where the `index`th result stands in a text.
pub(super) fn span(result: &str, index: usize, start: usize, end: usize) -> Result<()> {
    if start <= end {
        return Ok(());
    }
    Err(format!("the model's {result} {index} ends before it begins: from {start} to {end}").into())
}
