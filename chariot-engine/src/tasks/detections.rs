//! [`Detections`]: the output of Object Detection.

use serde::Serialize;

use super::{
    check,
    labels::ClassLabels,
    schema::{self, count, list, list_of, number, object, text, with_optional},
};
use crate::{
    error::{Expected, Result},
    input::modality,
    output::{EncodeContext, Output},
    protocol::JsonText,
    settings::OutputLayout,
};

/// One detected object, with an axis-aligned box in pixels of the original image.
///
/// ```
/// use chariot_engine::tasks::Detection;
///
/// let plane = Detection::new(0, 0.87, [12.5, 30.0, 88.1, 140.2]);
/// assert_eq!((plane.xmin, plane.ymax), (12.5, 140.2));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// The ID of its class.
    pub class: usize,
    /// The model's confidence.
    pub score: f32,
    /// The left edge.
    pub xmin: f32,
    /// The top edge.
    pub ymin: f32,
    /// The right edge.
    pub xmax: f32,
    /// The bottom edge.
    pub ymax: f32,
    /// The points of the object that the model knows, in the model's order. Empty for a model without any.
    pub keypoints: Vec<Keypoint>,
}

impl Detection {
    /// Creates a detection without keypoints from `[xmin, ymin, xmax, ymax]`.
    pub fn new(class: usize, score: f32, [xmin, ymin, xmax, ymax]: [f32; 4]) -> Self {
        Detection { class, score, xmin, ymin, xmax, ymax, keypoints: Vec::new() }
    }

    /// Sets the keypoints.
    #[must_use]
    pub fn with_keypoints(mut self, keypoints: impl IntoIterator<Item = Keypoint>) -> Self {
        self.keypoints = keypoints.into_iter().collect();
        self
    }

    /// Converts box and keypoints from pixels of the model to pixels of the original image.
    ///
    /// ```
    /// use chariot_engine::{Image, Pixels, image::DynamicImage, input::image::Resize, tasks::Detection};
    ///
    /// let image = Image::from_dynamic(DynamicImage::new_rgb8(1280, 720));
    /// let placement = Pixels::rgb(640, 640).resize(Resize::Fit { pad: 114 }).placement(&image);
    /// let plane = Detection::new(0, 0.9, [0.0, 140.0, 320.0, 500.0]).to_image(&placement);
    /// assert_eq!(plane, Detection::new(0, 0.9, [0.0, 0.0, 640.0, 720.0]));
    /// ```
    #[cfg(feature = "image")]
    #[must_use]
    pub fn to_image(mut self, placement: &crate::input::image::Placement) -> Self {
        [self.xmin, self.ymin, self.xmax, self.ymax] =
            placement.box_to_image([self.xmin, self.ymin, self.xmax, self.ymax]);
        for point in &mut self.keypoints {
            (point.x, point.y) = placement.to_image(point.x, point.y);
        }
        self
    }

    /// Rejects the `index`th detection if a number is not finite, or if an edge is beyond the opposite one.
    pub(super) fn check(&self, index: usize) -> Result<()> {
        let numbers = [self.score, self.xmin, self.ymin, self.xmax, self.ymax];
        for (name, value) in ["score", "xmin", "ymin", "xmax", "ymax"].into_iter().zip(numbers) {
            check::finite("detection", index, name, value)?;
        }
        for (point, Keypoint { x, y, score }) in self.keypoints.iter().enumerate() {
            for (name, value) in [("x", *x), ("y", *y), ("score", score.unwrap_or_default())] {
                if !value.is_finite() {
                    check::finite("detection", index, &format!("keypoint {point}: {name}"), value)?;
                }
            }
        }
        for (name, least, most) in [("x", self.xmin, self.xmax), ("y", self.ymin, self.ymax)] {
            if least > most {
                let expected = Expected::new(format!("at least {least}, the {name}min"), most);
                return Err(format!("detection {index}: {name}max: {expected}").into());
            }
        }
        Ok(())
    }
}

/// A point of a detected object, in pixels of the original image: a joint or an eye, for example.
///
/// ```
/// use chariot_engine::tasks::{Detection, Keypoint};
///
/// let face = Detection::new(0, 0.9, [10.0, 10.0, 50.0, 60.0]).with_keypoints([
///     Keypoint { x: 22.0, y: 30.5, score: None },
///     Keypoint { x: 38.5, y: 30.0, score: Some(0.75) },
/// ]);
/// assert_eq!(face.keypoints.len(), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Keypoint {
    /// The distance from the left edge of the image. A point can be outside of it.
    pub x: f32,
    /// The distance from the top edge of the image.
    pub y: f32,
    /// The model's confidence, if it has one for each point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
}

/// The objects detected in an image, with axis-aligned boxes: clamped to the image, best first.
///
/// It is the output of Object Detection, with the action `detect` and the layouts `objects` (the default) and `columns`.
/// Detections of equal score keep their order. Classes are encoded as labels in both layouts. Keypoints are in `keypoints` of
/// an object, which only detections with keypoints have, and in no column.
///
/// <details><summary>Object Detection: requests and responses</summary>
///
/// ```json
#[doc = include_str!("golden/object_detection.json")]
/// ```
///
/// </details>
///
/// ```
/// use chariot_engine::tasks::{ClassLabels, Detection, Detections};
///
/// let labels: ClassLabels = ["plane"].into_iter().collect();
/// let plane = Detection::new(0, 0.75, [-2.0, 30.0, 88.5, 140.0]);
/// let shadow = Detection { score: 0.125, ..plane.clone() };
///
/// // In `infer`: `Detections::at_least(item.score_threshold(), found, &self.labels, (item.width(), item.height()))`
/// let output = Detections::at_least(0.5, [shadow, plane.clone()], &labels, (640, 480)).unwrap();
/// assert_eq!(output.as_slice(), [Detection { xmin: 0.0, ..plane }]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Detections {
    detections: Vec<Detection>,
    labels: ClassLabels,
}

impl Detections {
    /// Creates an output from all detections in an image of this width and height.
    ///
    /// # Errors
    /// Returns an error if a class has no label, if a number is not finite, if an edge of a box is beyond the opposite
    /// edge, or if the image has no pixels.
    pub fn new(
        detections: impl IntoIterator<Item = Detection>,
        labels: &ClassLabels,
        (width, height): (u32, u32),
    ) -> Result<Self> {
        check::size((width, height))?;
        let mut detections: Vec<_> = detections.into_iter().collect();
        for (index, one) in detections.iter_mut().enumerate() {
            check::class("detection", index, one.class, labels)?;
            one.check(index)?;
            for (x, y) in [(&mut one.xmin, &mut one.ymin), (&mut one.xmax, &mut one.ymax)] {
                *x = x.clamp(0.0, width as f32);
                *y = y.clamp(0.0, height as f32);
            }
        }
        check::best_first(&mut detections, |one| one.score);
        Ok(Self { detections, labels: labels.clone() })
    }

    /// Creates an output from the detections whose score is at least `threshold`, usually
    /// [`Item::score_threshold`](crate::model::Item::score_threshold).
    ///
    /// # Errors
    /// Returns the errors of [`new`](Self::new) for the detections that are kept.
    pub fn at_least(
        threshold: f32,
        detections: impl IntoIterator<Item = Detection>,
        labels: &ClassLabels,
        size: (u32, u32),
    ) -> Result<Self> {
        Self::new(detections.into_iter().filter(|one| check::reaches(one.score, threshold)), labels, size)
    }

    /// Returns the detections, best first.
    pub fn as_slice(&self) -> &[Detection] {
        &self.detections
    }

    fn objects(&self) -> Result<JsonText> {
        #[derive(Serialize)]
        struct Object<'a> {
            label: &'a str,
            score: f32,
            xmin: f32,
            ymin: f32,
            xmax: f32,
            ymax: f32,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            keypoints: &'a [Keypoint],
        }
        let objects = self.detections.iter().map(|one| Object {
            label: self.labels.get(one.class).unwrap_or_default(),
            score: one.score,
            xmin: one.xmin,
            ymin: one.ymin,
            xmax: one.xmax,
            ymax: one.ymax,
            keypoints: &one.keypoints,
        });
        Ok(JsonText::from_value(&objects.collect::<Vec<_>>())?)
    }

    fn columns(&self) -> Result<JsonText> {
        #[derive(Serialize)]
        struct Columns<'a> {
            num_detections: usize,
            detection_classes: Vec<&'a str>,
            detection_scores: Vec<f32>,
            detection_boxes: Vec<[f32; 4]>,
        }
        let detections = &self.detections;
        Ok(JsonText::from_value(&Columns {
            num_detections: detections.len(),
            detection_classes: detections.iter().map(|one| self.labels.get(one.class).unwrap_or_default()).collect(),
            detection_scores: detections.iter().map(|one| one.score).collect(),
            detection_boxes: detections.iter().map(|one| [one.ymin, one.xmin, one.ymax, one.xmax]).collect(),
        })?)
    }
}

impl Output<modality::Image> for Detections {
    const TASK: Option<&'static str> = Some("Object Detection");
    const ACTIONS: &'static [&'static str] = &["detect"];
    const LAYOUTS: &'static [OutputLayout] = &[OutputLayout::Objects, OutputLayout::Columns];
    const SCORE_THRESHOLD: bool = true;

    fn schema(layout: Option<OutputLayout>) -> Option<JsonText> {
        schema::to_json(&match layout {
            Some(OutputLayout::Columns) => object([
                ("num_detections", count()),
                ("detection_classes", list(text())),
                ("detection_scores", list(number())),
                ("detection_boxes", list(list_of(4, number()))),
            ]),
            _ => {
                let members = ["label", "score", "xmin", "ymin", "xmax", "ymax"];
                let members = members.map(|name| (name, if name == "label" { text() } else { number() }));
                let keypoint = with_optional(object([("x", number()), ("y", number())]), [("score", number())]);
                list(with_optional(object(members), [("keypoints", list(keypoint))]))
            }
        })
    }

    fn encode(self, cx: &EncodeContext<'_>) -> Result<JsonText> {
        match cx.layout {
            Some(OutputLayout::Columns) => self.columns(),
            _ => self.objects(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{check::tests::failure, golden::tests::assert_form};

    fn labels() -> ClassLabels {
        ["plane", "ship"].into_iter().collect()
    }

    fn of(class: usize, score: f32, edges: [f32; 4]) -> Detection {
        Detection::new(class, score, edges)
    }

    fn output(found: &[Detection]) -> Detections {
        Detections::new(found.iter().cloned(), &labels(), (100, 50)).unwrap()
    }

    #[test]
    fn every_layout_has_the_golden_form() {
        let found = output(&[of(1, 0.25, [-1., -2., 101., 52.]), of(0, 0.87, [12.5, 30., 88.1, 40.2])]);
        for (found, objects, columns) in
            [(found, "detect", "detect in columns"), (output(&[]), "nothing found", "nothing found in columns")]
        {
            for (layout, name) in
                [(None, objects), (Some(OutputLayout::Objects), objects), (Some(OutputLayout::Columns), columns)]
            {
                let json = found.clone().encode(&EncodeContext::new("detect").layout(layout)).unwrap();
                assert_form("Object Detection", layout, name, &json);
            }
        }
    }

    #[test]
    fn boxes_are_clamped_and_the_best_is_first() {
        let found = output(&[of(1, 0.25, [-1., -2., 101., 52.]), of(0, 0.87, [12.5, 30., 88.1, 40.2])]);
        assert_eq!(found.as_slice(), [of(0, 0.87, [12.5, 30., 88.1, 40.2]), of(1, 0.25, [0., 0., 100., 50.])]);
    }

    #[test]
    fn only_detections_with_keypoints_have_them_on_the_wire() {
        let points = [Keypoint { x: 1.5, y: -2.0, score: Some(0.75) }, Keypoint { x: 3.0, y: 4.0, score: None }];
        let found = output(&[of(0, 0.5, [0., 0., 9., 9.]), of(1, 0.75, [0., 0., 9., 9.]).with_keypoints(points)]);
        let json: serde_json::Value = found.objects().unwrap().parse().unwrap();
        let expected = serde_json::json!([{"x": 1.5, "y": -2.0, "score": 0.75}, {"x": 3.0, "y": 4.0}]);
        assert_eq!((&json[0]["keypoints"], json[1].get("keypoints")), (&expected, None));
        let odd = of(0, 0.9, [0., 0., 1., 1.]).with_keypoints([Keypoint { x: 1.0, y: f32::NAN, score: None }]);
        failure(Detections::new([odd], &labels(), (10, 10)), "detection 0: keypoint 0: y: ");
    }

    #[test]
    fn ties_keep_their_order_and_a_score_at_the_threshold_is_reported() {
        let at = |score, xmin| of(0, score, [xmin, 1., 9., 9.]);
        let found = [at(0.5, 1.), at(0.75, 2.), at(0.5, 3.), at(0.25, 4.), at(0.75, 5.)];
        let output = Detections::at_least(0.5, found, &labels(), (10, 10)).unwrap();
        let order: Vec<_> = output.as_slice().iter().map(|one| one.xmin).collect();
        assert_eq!(order, [2., 5., 1., 3.]);
    }

    #[test]
    fn invalid_numbers_are_the_engines_fault() {
        let whole = [0., 0., 1., 1.];
        for (fault, expected) in [
            (of(2, 0.9, whole), ""),
            (of(0, f32::NAN, whole), "score: "),
            (of(0, 0.9, [0., f32::INFINITY, 1., 1.]), "ymin: "),
            (of(0, 0.9, [0., 0., f32::NAN, 1.]), "xmax: "),
            (of(0, 0.9, [3., 0., 2., 1.]), "xmax: "),
            (of(0, 0.9, [0., 3., 1., 2.]), "ymax: "),
        ] {
            let found = [of(0, 0.9, whole), fault];
            failure(Detections::at_least(0.5, found, &labels(), (10, 10)), &format!("detection 1: {expected}"));
        }
        assert!(Detections::new([], &labels(), (0, 10)).is_err());
    }

    #[test]
    fn detections_below_the_threshold_are_not_checked() {
        let odd = of(7, 0.1, [3., 0., 2., 1.]);
        assert_eq!(Detections::at_least(0.5, [odd], &labels(), (10, 10)).unwrap().as_slice(), []);
    }
}
