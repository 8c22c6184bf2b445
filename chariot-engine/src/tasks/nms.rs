//! [`nms`]: leaving out boxes that overlap a better one. Authors call it in `infer`, on what a detector returns.

use std::collections::HashMap;

use super::{
    check,
    detections::Detection,
    oriented_detections::OrientedDetection,
    overlap::{Overlap, Rotated, Shape, Upright},
};
use crate::error::{Error, Expected, Result};

/// The options of [`nms`] and [`merge`](super::merge): the threshold of the overlap, and the bounds of the work.
///
/// ```
/// use chariot_engine::tasks::{Nms, Overlap};
///
/// let options = Nms::new(0.45).score_threshold(0.25).most(100);
/// assert_ne!(options, options.overlap(Overlap::Smaller).across_classes());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Nms {
    threshold: f64,
    overlap: Overlap,
    is_across: bool,
    score: f32,
    candidates: usize,
    most: usize,
}

impl Nms {
    /// Creates options with this threshold, from 0 to 1: a box that overlaps a better one of its class by more is left out.
    pub fn new(threshold: f64) -> Self {
        Nms {
            threshold,
            overlap: Overlap::Union,
            is_across: false,
            score: f32::NEG_INFINITY,
            candidates: 30_000,
            most: 300,
        }
    }

    /// Sets the measure of the overlap. Default: [`Overlap::Union`].
    pub fn overlap(self, overlap: Overlap) -> Self {
        Nms { overlap, ..self }
    }

    /// Compares boxes of different classes too. Default: only those of the same class.
    pub fn across_classes(self) -> Self {
        Nms { is_across: true, ..self }
    }

    /// Leaves out boxes with a lower score, usually than
    /// [`Item::score_threshold`](crate::model::Item::score_threshold). Default: none.
    pub fn score_threshold(self, score: f32) -> Self {
        Nms { score, ..self }
    }

    /// Sets the most boxes that are compared with each other, the best ones. Default: 30,000.
    pub fn candidates(self, candidates: usize) -> Self {
        Nms { candidates, ..self }
    }

    /// Sets the most boxes that are kept, the best ones. Default: 300. The time grows with the number of candidates times the
    /// number that is kept.
    pub fn most(self, most: usize) -> Self {
        Nms { most, ..self }
    }

    /// Returns the order of the candidates among the boxes, best first, after checking them.
    ///
    /// The lower class and then the smaller coordinates come first among equal scores, so that the order does not depend on
    /// that of the boxes.
    pub(super) fn ranked<B: Candidate>(&self, boxes: &[B]) -> Result<Vec<usize>> {
        if !(0.0..=1.0).contains(&self.threshold) {
            let expected = Expected::new("a number from 0 to 1", self.threshold);
            return Err(Error::from(format!("threshold of the overlap: {expected}")));
        }
        let mut order = Vec::new();
        for (index, one) in boxes.iter().enumerate() {
            if check::reaches(one.score(), self.score) {
                one.check(index)?;
                order.push(index);
            }
        }
        let compare = |a: &usize, b: &usize| {
            let (one, other) = (&boxes[*a], &boxes[*b]);
            let by_numbers = || {
                let pairs = one.numbers().into_iter().zip(other.numbers());
                pairs.map(|(one, other)| one.total_cmp(&other)).find(|order| order.is_ne())
            };
            let by_score = other.score().total_cmp(&one.score()).then_with(|| one.class().cmp(&other.class()));
            by_score.then_with(|| by_numbers().unwrap_or_else(|| a.cmp(b)))
        };
        if order.len() > self.candidates {
            if self.candidates > 0 {
                order.select_nth_unstable_by(self.candidates - 1, compare);
            }
            order.truncate(self.candidates);
        }
        order.sort_unstable_by(compare);
        Ok(order)
    }

    /// Returns `true` if two shapes overlap by more than the threshold.
    pub(super) fn is_match<S: Shape>(&self, one: &S, other: &S) -> bool {
        one.overlap(other, self.overlap) > self.threshold
    }

    /// Returns the group of a box: only boxes of one group are compared.
    pub(super) fn group<B: Candidate>(&self, one: &B) -> usize {
        if self.is_across { 0 } else { one.class() }
    }

    /// Returns the most boxes that are kept.
    pub(super) fn limit(&self) -> usize {
        self.most
    }
}

/// A box that [`nms`] compares: [`Detection`] or [`OrientedDetection`]. No other type implements it.
///
/// ```
/// use chariot_engine::{Result, tasks::{Candidate, Nms, nms}};
///
/// /// Keeps the best boxes of any kind.
/// fn best<B: Candidate>(found: Vec<B>) -> Result<Vec<B>> {
///     nms(found, Nms::new(0.45).most(10))
/// }
/// ```
pub trait Candidate: sealed::Sealed {}

impl Candidate for Detection {}
impl Candidate for OrientedDetection {}

pub(super) mod sealed {
    use super::*;

    /// The numbers of a box.
    pub trait Sealed {
        type Shape: Shape;

        fn class(&self) -> usize;

        fn score(&self) -> f32;

        /// Returns the numbers that decide the order of boxes of one score and class.
        fn numbers(&self) -> [f32; 5];

        fn shape(&self) -> Self::Shape;

        /// Rejects the `index`th box if a number is not finite, or if it has no valid outline.
        fn check(&self, index: usize) -> Result<()>;
    }

    impl Sealed for Detection {
        type Shape = Upright;

        fn class(&self) -> usize {
            self.class
        }

        fn score(&self) -> f32 {
            self.score
        }

        fn numbers(&self) -> [f32; 5] {
            [self.xmin, self.ymin, self.xmax, self.ymax, 0.0]
        }

        fn shape(&self) -> Upright {
            Upright::new([self.xmin, self.ymin, self.xmax, self.ymax])
        }

        fn check(&self, index: usize) -> Result<()> {
            self.check(index)
        }
    }

    impl Sealed for OrientedDetection {
        type Shape = Rotated;

        fn class(&self) -> usize {
            self.class
        }

        fn score(&self) -> f32 {
            self.score
        }

        fn numbers(&self) -> [f32; 5] {
            [self.cx, self.cy, self.w, self.h, self.r]
        }

        fn shape(&self) -> Rotated {
            Rotated::new([self.cx, self.cy], [self.w, self.h], self.r)
        }

        fn check(&self, index: usize) -> Result<()> {
            self.check(index)
        }
    }
}

/// Returns the boxes without those that overlap a better one of their class (non-maximum suppression), best first.
///
/// The result is that of torchvision's `nms`, or of `batched_nms` for several classes, up to the bounds of the options. It
/// does not depend on the order of the boxes: the lower class and then the smaller coordinates win among equal scores.
///
/// ```
/// use chariot_engine::tasks::{Detection, Nms, nms};
///
/// let plane = Detection::new(0, 0.9, [10.0, 10.0, 50.0, 30.0]);
/// let again = Detection::new(0, 0.8, [12.0, 10.0, 50.0, 31.0]);
/// let ship = Detection { class: 1, ..again.clone() };
/// let kept = nms(vec![again, plane.clone(), ship.clone()], Nms::new(0.45))?;
/// assert_eq!(kept, [plane, ship]);
/// # Ok::<(), chariot_engine::Error>(())
/// ```
///
/// # Errors
/// Returns an error if the threshold is not a number from 0 to 1, or if a box that reaches the score threshold has a number
/// that is not finite, an edge beyond the opposite one, or a negative side: the model is at fault, and the caller gets a 500.
pub fn nms<B: Candidate>(found: Vec<B>, options: Nms) -> Result<Vec<B>> {
    let kept = nms_indices(&found, options)?;
    let mut found: Vec<Option<B>> = found.into_iter().map(Some).collect();
    // Each index occurs once.
    Ok(kept.into_iter().filter_map(|index| found[index].take()).collect())
}

/// Returns the positions of the boxes that [`nms`] keeps, best first, for masks and whatever else a model has for each box.
///
/// ```
/// use chariot_engine::tasks::{Nms, OrientedDetection, nms_indices};
///
/// let ship = OrientedDetection { class: 0, score: 0.5, cx: 40.0, cy: 40.0, w: 60.0, h: 10.0, r: 0.8 };
/// let better = OrientedDetection { score: 0.75, cx: 41.0, ..ship };
/// // The same center, and almost no common area.
/// let across = OrientedDetection { score: 0.6, r: 0.8 + std::f32::consts::FRAC_PI_2, ..ship };
/// assert_eq!(nms_indices(&[ship, better, across], Nms::new(0.45))?, [1, 2]);
/// # Ok::<(), chariot_engine::Error>(())
/// ```
///
/// # Errors
/// Returns the errors of [`nms`].
pub fn nms_indices<B: Candidate>(found: &[B], options: Nms) -> Result<Vec<usize>> {
    let order = options.ranked(found)?;
    let mut kept = Vec::new();
    let mut groups: HashMap<usize, Vec<B::Shape>> = HashMap::new();
    for index in order {
        if kept.len() >= options.limit() {
            break;
        }
        let (one, shape) = (&found[index], found[index].shape());
        let better = groups.entry(options.group(one)).or_default();
        if !better.iter().any(|better| options.is_match(better, &shape)) {
            better.push(shape);
            kept.push(index);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::tasks::{check::tests::failure, merge};

    /// Returns the cases of this name that `input/image/references/make.py` writes.
    fn cases(name: &str) -> Vec<Value> {
        let mut file: Value = serde_json::from_str(include_str!("references.json")).unwrap();
        serde_json::from_value(file[name].take()).unwrap()
    }

    fn of<T: serde::de::DeserializeOwned>(value: &Value) -> T {
        serde_json::from_value(value.clone()).unwrap()
    }

    fn options(case: &Value) -> Nms {
        let options = Nms::new(of(&case["threshold"]));
        let options = if case["measure"] == "union" { options } else { options.overlap(Overlap::Smaller) };
        if of(&case["across"]) { options.across_classes() } else { options }
    }

    /// Returns a box for each of a case, from its class, its score and its numbers.
    fn boxes<const N: usize, B>(case: &Value, of_numbers: impl Fn(usize, f32, [f32; N]) -> B) -> Vec<B>
    where
        [f32; N]: serde::de::DeserializeOwned,
    {
        let (classes, scores): (Vec<usize>, Vec<f32>) = (of(&case["classes"]), of(&case["scores"]));
        let numbers: Vec<[f32; N]> = of(&case["boxes"]);
        let all = classes.into_iter().zip(scores).zip(numbers);
        all.map(|((class, score), numbers)| of_numbers(class, score, numbers)).collect()
    }

    fn oriented(class: usize, score: f32, [cx, cy, w, h, r]: [f32; 5]) -> OrientedDetection {
        OrientedDetection { class, score, cx, cy, w, h, r }
    }

    #[test]
    fn boxes_are_those_that_torchvision_keeps() {
        for case in cases("upright") {
            let found = boxes(&case, Detection::new);
            assert_eq!(nms_indices(&found, options(&case)).unwrap(), of::<Vec<usize>>(&case["kept"]));
        }
    }

    #[test]
    fn rotated_boxes_are_kept_by_the_areas_of_shapely() {
        for case in cases("rotated") {
            let (options, found) = (options(&case), boxes(&case, oriented));
            assert_eq!(nms_indices(&found, options).unwrap(), of::<Vec<usize>>(&case["kept"]));
            use sealed::Sealed;
            for (one, expected) in found.iter().zip(of::<Vec<f64>>(&case["first"])) {
                let overlap = found[0].shape().overlap(&one.shape(), options.overlap);
                assert!((overlap - expected).abs() < 1e-4, "{overlap} {expected}");
            }
        }
    }

    #[test]
    fn boxes_are_merged_as_by_sahi() {
        for case in cases("merged") {
            let merged = merge(boxes(&case, Detection::new), options(&case)).unwrap();
            let expected: Vec<[f32; 6]> = of(&case["merged"]);
            assert_eq!(merged.len(), expected.len());
            for (one, [class, score, edges @ ..]) in merged.iter().zip(expected) {
                assert_eq!((one.class, one.score), (class as usize, score));
                let found = [one.xmin, one.ymin, one.xmax, one.ymax];
                assert!(found.iter().zip(edges).all(|(one, other)| (one - other).abs() < 1e-4), "{found:?} {edges:?}");
            }
        }
    }

    #[test]
    fn the_bounds_keep_the_best() {
        let at = |class, score, x: f32| Detection::new(class, score, [x, 0.0, x + 10.0, 10.0]);
        let found = vec![at(0, 0.25, 90.0), at(0, 0.5, 60.0), at(1, 0.75, 30.0), at(1, 0.5, 0.0), at(0, 0.5, 0.0)];
        let kept = |options: Nms| nms_indices(&found, options).unwrap();
        let all = Nms::new(0.5);
        // The lower class comes first among equal scores, and then the box that is further left.
        assert_eq!(kept(all), [2, 4, 1, 3, 0]);
        assert_eq!(kept(all.across_classes()), [2, 4, 1, 0]);
        assert_eq!(kept(all.score_threshold(0.5)), [2, 4, 1, 3]);
        assert_eq!(kept(all.most(2)), [2, 4]);
        assert_eq!(kept(all.candidates(3)), [2, 4, 1]);
        assert_eq!(merge(found.clone(), all.most(1)).unwrap(), [at(1, 0.75, 30.0)]);
        assert!(kept(all.most(0)).is_empty() && kept(all.candidates(0)).is_empty());
        assert!(nms::<Detection>(vec![], all).unwrap().is_empty() && merge(vec![], all).unwrap().is_empty());
        // Nothing overlaps by more than 1, and boxes that only touch do not overlap by more than 0.
        assert_eq!(nms(vec![at(0, 0.5, 0.0), at(0, 0.5, 0.0)], Nms::new(1.0)).unwrap().len(), 2);
        assert_eq!(nms(vec![at(0, 0.5, 0.0), at(0, 0.5, 10.0)], Nms::new(0.0)).unwrap().len(), 2);
    }

    #[test]
    fn invalid_numbers_are_the_engines_fault() {
        let whole = Detection::new(0, 0.9, [0.0, 0.0, 1.0, 1.0]);
        for (fault, expected) in [
            (Detection { score: f32::NAN, ..whole.clone() }, "score: "),
            (Detection { score: f32::INFINITY, ..whole.clone() }, "score: "),
            (Detection { xmax: f32::NAN, ..whole.clone() }, "xmax: "),
            (Detection { ymin: f32::NEG_INFINITY, ..whole.clone() }, "ymin: "),
            (Detection { xmin: 2.0, ..whole.clone() }, "xmax: "),
        ] {
            let found = vec![whole.clone(), fault];
            let location = format!("detection 1: {expected}");
            failure(nms(found.clone(), Nms::new(0.5)), &location);
            failure(merge(found, Nms::new(0.5)), &location);
        }
        for fault in [oriented(0, 0.9, [1.0, 1.0, -1.0, 1.0, 0.0]), oriented(0, 0.9, [1.0, 1.0, 1.0, 1.0, f32::NAN])] {
            failure(nms(vec![fault], Nms::new(0.5)), "detection 0: ");
        }
        let below = Detection { score: 0.1, xmax: f32::NAN, ..whole.clone() };
        assert_eq!(nms(vec![below, whole.clone()], Nms::new(0.5).score_threshold(0.25)).unwrap(), [whole]);
        for threshold in [-0.1, 1.1, f64::NAN] {
            failure(nms::<Detection>(vec![], Nms::new(threshold)), "threshold of the overlap: ");
        }
    }

    #[test]
    fn many_boxes_are_compared_within_the_bounds() {
        // Every box overlaps thousands of others, and none is left out.
        let at = |index: u32| Detection::new(0, (index % 1000) as f32, [0.0, 0.0, 10.0 + index as f32 * 1e-3, 10.0]);
        let found: Vec<Detection> = (0..100_000).map(at).collect();
        assert_eq!(nms_indices(&found, Nms::new(1.0)).unwrap().len(), 300);
        assert_eq!(merge(found, Nms::new(1.0).most(10)).unwrap().len(), 10);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_result_is_independent_of_the_order(
            // Few values, so that many scores are equal.
            found in prop::collection::vec((0_usize..2, 0_u8..4, (0_u8..20, 0_u8..20), (1_u8..12, 1_u8..12)), 0..40),
            seed in any::<u64>(),
            is_across: bool,
        ) {
            let options = if is_across { Nms::new(0.3).across_classes() } else { Nms::new(0.3) };
            let options = options.candidates(25);
            let boxes: Vec<Detection> = found.iter().map(|(class, score, (x, y), (w, h))| {
                let edges = [*x, *y, x + w, y + h].map(f32::from);
                Detection::new(*class, f32::from(*score) / 4.0, edges)
            }).collect();
            let mut shuffled = boxes.clone();
            let mut state = seed;
            for last in (1..shuffled.len()).rev() {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                shuffled.swap(last, (state >> 33) as usize % (last + 1));
            }
            prop_assert_eq!(merge(boxes.clone(), options).unwrap(), merge(shuffled.clone(), options).unwrap());
            let kept = nms(boxes, options).unwrap();
            prop_assert_eq!(&kept, &nms(shuffled, options).unwrap());
            // What is kept is kept again, and no two of them overlap.
            prop_assert_eq!(&nms(kept.clone(), options).unwrap(), &kept);
        }
    }
}
