//! Validation of a model's numbers, shared by the constructors of outputs, and the order of results. A fault here is the
//! engine's, never the caller's.

use super::labels::ClassLabels;
use crate::error::{Expected, Result};

/// Rejects a number of the `index`th result, such as its score or a coordinate, unless it is finite.
pub(super) fn finite(result: &str, index: usize, name: &str, value: f32) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    Err(format!("{result} {index}: {name}: {}", Expected::new("a finite number", value)).into())
}

/// Rejects the class ID of the `index`th result unless it has a label.
pub(super) fn class(result: &str, index: usize, class: usize, labels: &ClassLabels) -> Result<()> {
    if class < labels.len() {
        return Ok(());
    }
    let expected = Expected::new(format!("a class ID below {}, the number of labels", labels.len()), class);
    Err(format!("{result} {index}: {expected}; class_labels.json may belong to another model").into())
}

/// Rejects the size of an image that has no pixels.
pub(super) fn size((width, height): (u32, u32)) -> Result<()> {
    if width > 0 && height > 0 {
        return Ok(());
    }
    Err(Expected::new("an image of at least 1 x 1 pixels", format!("{width} x {height}")).to_string().into())
}

/// Rejects the `index`th result's range of characters if its end is before its start.
pub(super) fn span(result: &str, index: usize, start: usize, end: usize) -> Result<()> {
    if start <= end {
        return Ok(());
    }
    let expected = Expected::new(format!("at least {start}, the start"), end);
    Err(format!("{result} {index}: end: {expected}").into())
}

/// Returns `true` if a result with this score is reported. A `NaN` is kept, so that validation finds it.
pub(super) fn reaches(score: f32, threshold: f32) -> bool {
    score.is_nan() || score >= threshold
}

/// Sorts results by score, best first. Results of equal score keep their order.
pub(super) fn best_first<T>(results: &mut [T], score: impl Fn(&T) -> f32) {
    results.sort_by(|a, b| score(b).total_cmp(&score(a)));
}

#[cfg(test)]
pub(super) mod tests {
    use crate::{Error, ErrorKind, Result};

    /// Returns the message of an error, after checking that the engine is at fault and where.
    #[track_caller]
    pub(crate) fn failure<T: std::fmt::Debug>(result: Result<T>, location: &str) -> String {
        let error: Error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        let message = error.to_string();
        assert!(message.starts_with(location), "{message}");
        message
    }

    #[test]
    fn messages_of_constructors() {
        use crate::tasks::*;

        let labels: ClassLabels = ["plane", "ship"].into_iter().collect();
        let upright =
            |class, score, edges: [f32; 4]| Detections::new([Detection::new(class, score, edges)], &labels, (10, 10));
        let rotated = |class, score, w| {
            let ship = OrientedDetection { class, score, cx: 1.0, cy: 1.0, w, h: 1.0, r: 0.0 };
            OrientedDetections::new([ship], &labels, (10, 10))
        };
        let token = |class, score, start| {
            let token = ClassifiedToken { class, score, index: 1, word: "Ada".into(), start, end: 3 };
            TokenClassification::new(vec![token], &labels)
        };
        let filled = |score| {
            FillMask::new(vec![MaskPrediction { sequence: "a x".into(), score, token: 7, token_str: "x".into() }])
        };
        let mask = |ids, labels: MaskLabels<'_>| Segmentation::new(ids, labels, (3, 2));
        let messages = [
            ("Classification: three classes", failure(Classification::new(vec![0.1; 3], &labels, 1), "")),
            ("Classification: NaN", failure(Classification::new(vec![0.5, f32::NAN], &labels, 1), "")),
            ("Detections: class 2", failure(upright(2, 0.9, [0., 0., 1., 1.]), "detection 0: ")),
            ("Detections: score", failure(upright(0, f32::NAN, [0., 0., 1., 1.]), "detection 0: score: ")),
            ("Detections: ymin", failure(upright(0, 0.9, [0., f32::INFINITY, 1., 1.]), "detection 0: ymin: ")),
            ("Detections: xmin after xmax", failure(upright(0, 0.9, [3., 0., 2., 1.]), "detection 0: xmax: ")),
            ("Detections: ymin after ymax", failure(upright(0, 0.9, [0., 3., 1., 2.]), "detection 0: ymax: ")),
            ("Detections: no pixels", failure(Detections::new([], &labels, (0, 10)), "")),
            ("OrientedDetections: class 2", failure(rotated(2, 0.9, 1.0), "detection 0: ")),
            ("OrientedDetections: score", failure(rotated(0, f32::NEG_INFINITY, 1.0), "detection 0: score: ")),
            ("OrientedDetections: width", failure(rotated(0, 0.9, -1.0), "detection 0: w: ")),
            ("Segmentation: five IDs", failure(mask(vec![1; 5], MaskLabels::ById(&labels)), "mask: ")),
            (
                "Segmentation: ID 2",
                failure(mask(vec![0, 0, 0, 0, 2, 0], MaskLabels::ById(&labels)), "mask: pixel (1, 1): "),
            ),
            (
                "Segmentation: ID 3 after the background",
                failure(mask(vec![3; 6], MaskLabels::AfterBackground(&labels)), "mask: pixel (0, 0): "),
            ),
            ("Embedding: empty", failure(Embedding::new(vec![]), "embedding: ")),
            ("Embedding: NaN", failure(Embedding::new(vec![0.0, f32::NAN]), "dimension 1: value: ")),
            ("TokenClassification: class 2", failure(token(2, 0.9, 0), "token 0: ")),
            ("TokenClassification: score", failure(token(0, f32::NAN, 0), "token 0: score: ")),
            ("TokenClassification: range", failure(token(0, 0.9, 5), "token 0: end: ")),
            ("FillMask: score", failure(filled(f32::INFINITY), "prediction 0: score: ")),
            ("ExtractedAnswer: score", failure(ExtractedAnswer::new("a", f32::NAN, 0, 1), "answer 0: score: ")),
            ("ExtractedAnswer: range", failure(ExtractedAnswer::new("a", 0.5, 2, 1), "answer 0: end: ")),
        ];
        let lines: String = messages.iter().map(|(case, message)| format!("{case} → {message}\n")).collect();
        insta::assert_snapshot!("messages_of_constructors", lines);
    }
}
