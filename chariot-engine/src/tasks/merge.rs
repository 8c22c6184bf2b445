//! [`merge`]: joining the boxes that several tiles have found of one object. Authors call it in `infer`.

use super::{
    detections::Detection,
    nms::{Nms, sealed::Sealed},
    overlap::Upright,
};
use crate::error::Result;

/// Joins boxes that overlap a better one of their class with it, best first: for an object larger than a tile, of which each
/// tile has found a part.
///
/// It is SAHI's greedy non-maximum merging (`GREEDYNMM`). The better box grows to contain the other, and keeps its class, its
/// score and its keypoints. A box that overlapped the better one only before it grew is left out, as with
/// [`nms`](super::nms). SAHI's defaults are `Nms::new(0.5).overlap(Overlap::Smaller)`.
///
/// ```
/// use chariot_engine::tasks::{Detection, Nms, Overlap, merge};
///
/// let left = Detection::new(0, 0.9, [600.0, 10.0, 640.0, 30.0]);
/// let right = Detection::new(0, 0.8, [615.0, 10.0, 680.0, 30.0]);
/// let ship = merge(vec![right, left], Nms::new(0.5).overlap(Overlap::Smaller))?;
/// assert_eq!(ship, [Detection::new(0, 0.9, [600.0, 10.0, 680.0, 30.0])]);
/// # Ok::<(), chariot_engine::Error>(())
/// ```
///
/// # Errors
/// Returns the errors of [`nms`](super::nms).
pub fn merge(found: Vec<Detection>, options: Nms) -> Result<Vec<Detection>> {
    let order = options.ranked(&found)?;
    let shapes: Vec<Upright> = order.iter().map(|index| found[*index].shape()).collect();
    let groups: Vec<usize> = order.iter().map(|index| options.group(&found[*index])).collect();
    let mut is_done = vec![false; order.len()];
    let mut merged = Vec::new();
    for at in 0..order.len() {
        if is_done[at] {
            continue;
        }
        if merged.len() >= options.limit() {
            break;
        }
        let mut grown = shapes[at];
        for other in at + 1..order.len() {
            // By the box before it grows, so that it does not wander along a row of objects.
            if is_done[other] || groups[other] != groups[at] || !options.is_match(&shapes[at], &shapes[other]) {
                continue;
            }
            is_done[other] = true;
            if options.is_match(&grown, &shapes[other]) {
                grown = grown.union(&shapes[other]);
            }
        }
        let [xmin, ymin, xmax, ymax] = grown.edges();
        merged.push(Detection { xmin, ymin, xmax, ymax, ..found[order[at]].clone() });
    }
    Ok(merged)
}
