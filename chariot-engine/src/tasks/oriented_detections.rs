//! [`OrientedDetections`]: the output of Oriented Object Detection.

use serde::Serialize;

use super::{
    check,
    labels::ClassLabels,
    schema::{self, list, number, object, text},
};
use crate::{
    error::{Expected, Result},
    input::modality,
    output::{EncodeContext, Output},
    protocol::JsonText,
    settings::OutputLayout,
};

/// One detected object, with a rotated box: center, sides and angle. Lengths are in pixels of the original image.
///
/// ```
/// use chariot_engine::tasks::OrientedDetection;
///
/// let ship = OrientedDetection { class: 0, score: 0.9, cx: 320.0, cy: 240.0, w: 160.0, h: 48.0, r: 0.5 };
/// assert!(ship.w > ship.h);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrientedDetection {
    /// The ID of its class.
    pub class: usize,
    /// The model's confidence.
    pub score: f32,
    /// The horizontal position of the center, from the left.
    pub cx: f32,
    /// The vertical position of the center, from the top.
    pub cy: f32,
    /// The width: the length of the side that is horizontal at angle 0.
    pub w: f32,
    /// The height: the length of the other side.
    pub h: f32,
    /// The rotation in radians.
    pub r: f32,
}

impl OrientedDetection {
    /// Converts the box from pixels of the model to pixels of the original image.
    ///
    /// A resize that changes the proportions ([`Resize::Stretch`](crate::input::image::Resize)) makes a rotated rectangle
    /// oblique. Then center, angle and length of the side `w` are right, and `h` is the length of the other side.
    ///
    /// ```
    /// use chariot_engine::{Image, Pixels, image::DynamicImage, input::image::Resize, tasks::OrientedDetection};
    ///
    /// let image = Image::from_dynamic(DynamicImage::new_rgb8(1280, 720));
    /// let placement = Pixels::rgb(640, 640).resize(Resize::Fit { pad: 114 }).placement(&image);
    /// let ship = OrientedDetection { class: 0, score: 0.9, cx: 320.0, cy: 320.0, w: 80.0, h: 20.0, r: 0.5 };
    /// let placed = ship.to_image(&placement);
    /// assert_eq!((placed.cx, placed.cy), (640.0, 360.0));
    /// assert!((placed.w - 160.0).abs() < 1e-3 && (placed.r - 0.5).abs() < 1e-6);
    /// ```
    #[cfg(feature = "image")]
    #[must_use]
    pub fn to_image(mut self, placement: &crate::input::image::Placement) -> Self {
        let (sine, cosine) = f64::from(self.r).sin_cos();
        let (side, other) = (placement.distance_to_image(cosine, sine), placement.distance_to_image(-sine, cosine));
        (self.cx, self.cy) = placement.to_image(self.cx, self.cy);
        self.w = (f64::from(self.w) * side.0.hypot(side.1)) as f32;
        self.h = (f64::from(self.h) * other.0.hypot(other.1)) as f32;
        // An angle beyond half a turn stays one.
        let turned = side.1.atan2(side.0) - sine.atan2(cosine);
        self.r = (f64::from(self.r) + turned) as f32;
        self
    }

    /// Rejects the `index`th detection if a number is not finite, or if a side is negative.
    pub(super) fn check(&self, index: usize) -> Result<()> {
        let numbers = [self.score, self.cx, self.cy, self.w, self.h, self.r];
        for (name, value) in ["score", "cx", "cy", "w", "h", "r"].into_iter().zip(numbers) {
            check::finite("detection", index, name, value)?;
        }
        for (name, length) in [("w", self.w), ("h", self.h)] {
            if length < 0.0 {
                let expected = Expected::new("a number of at least 0", length);
                return Err(format!("detection {index}: {name}: {expected}").into());
            }
        }
        Ok(())
    }
}

/// The objects detected in an image, with rotated boxes, best first.
///
/// It is the output of Oriented Object Detection, with the action `detect` and the layouts `objects` (the default) and
/// `columns`.
///
/// `cx` and `w` are encoded as fractions of the image's width, `cy` and `h` as fractions of its height. The center is
/// clamped to the image. The sides are not, since a rotated box can be longer than the image is wide. Detections of
/// equal score keep their order. Classes are encoded as labels in both layouts.
///
/// <details><summary>Oriented Object Detection: requests and responses</summary>
///
/// ```json
#[doc = include_str!("golden/oriented_object_detection.json")]
/// ```
///
/// </details>
///
/// ```
/// use chariot_engine::tasks::{ClassLabels, OrientedDetection, OrientedDetections};
///
/// let labels: ClassLabels = ["ship"].into_iter().collect();
/// let ship = OrientedDetection { class: 0, score: 0.75, cx: 320.0, cy: 120.0, w: 160.0, h: 60.0, r: 0.5 };
/// let output = OrientedDetections::at_least(0.5, [ship], &labels, (640, 480)).unwrap();
/// assert_eq!(output.len(), 1);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct OrientedDetections {
    /// The detections, with lengths as fractions of the image's size.
    detections: Vec<OrientedDetection>,
    labels: ClassLabels,
}

impl OrientedDetections {
    /// Creates an output from all detections in an image of this width and height.
    ///
    /// # Errors
    /// Returns an error if a class has no label, if a number is not finite, if a side is negative, or if the image has no
    /// pixels.
    pub fn new(
        detections: impl IntoIterator<Item = OrientedDetection>,
        labels: &ClassLabels,
        (width, height): (u32, u32),
    ) -> Result<Self> {
        check::size((width, height))?;
        let (width, height) = (width as f32, height as f32);
        let mut detections: Vec<_> = detections.into_iter().collect();
        for (index, one) in detections.iter_mut().enumerate() {
            check::class("detection", index, one.class, labels)?;
            one.check(index)?;
            one.cx = (one.cx / width).clamp(0.0, 1.0);
            one.cy = (one.cy / height).clamp(0.0, 1.0);
            one.w /= width;
            one.h /= height;
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
        detections: impl IntoIterator<Item = OrientedDetection>,
        labels: &ClassLabels,
        size: (u32, u32),
    ) -> Result<Self> {
        Self::new(detections.into_iter().filter(|one| check::reaches(one.score, threshold)), labels, size)
    }

    /// Returns the number of detections.
    pub fn len(&self) -> usize {
        self.detections.len()
    }

    /// Returns `true` if there are no detections.
    pub fn is_empty(&self) -> bool {
        self.detections.is_empty()
    }

    fn label(&self, one: &OrientedDetection) -> &str {
        self.labels.get(one.class).unwrap_or_default()
    }

    fn objects(&self) -> Result<JsonText> {
        #[derive(Serialize)]
        struct Object<'a> {
            label: &'a str,
            score: f32,
            cx: f32,
            cy: f32,
            w: f32,
            h: f32,
            r: f32,
        }
        let object = |one: &OrientedDetection| {
            let (label, &OrientedDetection { score, cx, cy, w, h, r, .. }) = (self.label(one), one);
            Object { label, score, cx, cy, w, h, r }
        };
        Ok(JsonText::from_value(&self.detections.iter().map(object).collect::<Vec<_>>())?)
    }

    fn columns(&self) -> Result<JsonText> {
        #[derive(Serialize)]
        struct RotatedBox {
            cx: f32,
            cy: f32,
            w: f32,
            h: f32,
            r: f32,
        }
        #[derive(Serialize)]
        struct Columns<'a> {
            detection_classes: Vec<&'a str>,
            detection_scores: Vec<f32>,
            oriented_detection_boxes: Vec<RotatedBox>,
        }
        let rotated = |&OrientedDetection { cx, cy, w, h, r, .. }: &OrientedDetection| RotatedBox { cx, cy, w, h, r };
        Ok(JsonText::from_value(&Columns {
            detection_classes: self.detections.iter().map(|one| self.label(one)).collect(),
            detection_scores: self.detections.iter().map(|one| one.score).collect(),
            oriented_detection_boxes: self.detections.iter().map(rotated).collect(),
        })?)
    }
}

impl Output<modality::Image> for OrientedDetections {
    const TASK: Option<&'static str> = Some("Oriented Object Detection");
    const ACTIONS: &'static [&'static str] = &["detect"];
    const LAYOUTS: &'static [OutputLayout] = &[OutputLayout::Objects, OutputLayout::Columns];
    const SCORE_THRESHOLD: bool = true;

    fn schema(layout: Option<OutputLayout>) -> Option<JsonText> {
        schema::to_json(&match layout {
            Some(OutputLayout::Columns) => object([
                ("detection_classes", list(text())),
                ("detection_scores", list(number())),
                ("oriented_detection_boxes", list(object(["cx", "cy", "w", "h", "r"].map(|name| (name, number()))))),
            ]),
            _ => list(object([
                ("label", text()),
                ("score", number()),
                ("cx", number()),
                ("cy", number()),
                ("w", number()),
                ("h", number()),
                ("r", number()),
            ])),
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

    fn of(class: usize, score: f32, [cx, cy, w, h, r]: [f32; 5]) -> OrientedDetection {
        OrientedDetection { class, score, cx, cy, w, h, r }
    }

    fn output(found: &[OrientedDetection]) -> OrientedDetections {
        OrientedDetections::new(found.iter().copied(), &labels(), (200, 100)).unwrap()
    }

    #[test]
    fn every_layout_has_the_golden_form() {
        let found = output(&[of(1, 0.25, [-1., 101., 250., 25., -0.5]), of(0, 0.87, [100., 25., 50., 12.5, 1.5])]);
        for (found, objects, columns) in
            [(found, "detect", "detect in columns"), (output(&[]), "nothing found", "nothing found in columns")]
        {
            for (layout, name) in
                [(None, objects), (Some(OutputLayout::Objects), objects), (Some(OutputLayout::Columns), columns)]
            {
                let json = found.clone().encode(&EncodeContext::new("detect").layout(layout)).unwrap();
                assert_form("Oriented Object Detection", layout, name, &json);
            }
        }
    }

    #[test]
    fn lengths_are_fractions_and_the_best_is_first() {
        let found = output(&[of(1, 0.25, [-1., 101., 250., 25., -0.5]), of(0, 0.87, [100., 25., 50., 12.5, 1.5])]);
        let expected = [of(0, 0.87, [0.5, 0.25, 0.25, 0.125, 1.5]), of(1, 0.25, [0., 1., 1.25, 0.25, -0.5])];
        assert_eq!(found.detections, expected);
    }

    #[test]
    fn ties_keep_their_order_and_a_score_at_the_threshold_is_reported() {
        let at = |class, score| of(class, score, [1.; 5]);
        let found = [at(1, 0.5), at(0, 0.75), at(0, 0.5), at(0, 0.25), at(1, 0.75)];
        let output = OrientedDetections::at_least(0.5, found, &labels(), (10, 10)).unwrap();
        let order: Vec<_> = output.detections.iter().map(|one| (one.class, one.score)).collect();
        assert_eq!(order, [(0, 0.75), (1, 0.75), (1, 0.5), (0, 0.5)]);
        assert_eq!((output.len(), output.is_empty()), (4, false));
    }

    #[test]
    fn invalid_numbers_are_the_engines_fault() {
        for (fault, expected) in [
            (of(2, 0.9, [1.; 5]), ""),
            (of(0, f32::NAN, [1.; 5]), "score: "),
            (of(0, 0.9, [1., 1., 1., 1., f32::NEG_INFINITY]), "r: "),
            (of(0, 0.9, [1., 1., -1., 1., 0.]), "w: "),
            (of(0, 0.9, [1., 1., 1., -1., 0.]), "h: "),
        ] {
            let output = OrientedDetections::at_least(0.5, [fault], &labels(), (10, 10));
            failure(output, &format!("detection 0: {expected}"));
        }
        assert!(OrientedDetections::new([], &labels(), (10, 0)).is_err());
    }
}
