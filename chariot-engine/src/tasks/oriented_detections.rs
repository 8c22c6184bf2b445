//! [`OrientedDetections`]: the answer of Oriented Object Detection.

use serde::Serialize;

use super::{
    ClassLabels, check,
    schema::{self, list, number, object, text},
};
use crate::{
    error::Result,
    input::modality,
    output::{EncodeContext, Output},
    protocol::JsonText,
    settings::OutputLayout,
};

/// One object that a model found, as a turned box: centre, sides and angle, in pixels of the original picture.
///
/// ```
/// use chariot_engine::tasks::OrientedDetection;
///
/// let ship = OrientedDetection { class: 0, score: 0.9, cx: 320.0, cy: 240.0, w: 160.0, h: 48.0, r: 0.5 };
/// assert!(ship.w > ship.h);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OrientedDetection {
    /// The id of its class.
    pub class: usize,
    /// How sure the model is.
    pub score: f32,
    /// The centre, from the left.
    pub cx: f32,
    /// The centre, from the top.
    pub cy: f32,
    /// The length of the side that lies level where the angle is 0.
    pub w: f32,
    /// The length of the other side.
    pub h: f32,
    /// The angle in radians.
    pub r: f32,
}

/// What a model found in a picture, as turned boxes, best first.
///
/// | task | layout | action `detect` |
/// |---|---|---|
/// | Oriented Object Detection | `objects` | `[{"label","score","cx","cy","w","h","r"},...]` |
/// | | `columns` | `{"detection_classes","detection_scores","oriented_detection_boxes":[{"cx","cy","w","h","r"},...]}` |
///
/// `cx` and `w` are written as fractions of the picture's width, `cy` and `h` of its height. The centre is clamped to
/// the picture; the sides are not, since a turned box may well be longer than the picture is wide. Boxes of equal score
/// keep the order in which they were given. Classes are written as labels in both layouts.
///
/// ```
/// use chariot_engine::{output::{EncodeContext, Output}, tasks::{ClassLabels, OrientedDetection, OrientedDetections}};
///
/// let labels: ClassLabels = ["ship"].into_iter().collect();
/// let ship = OrientedDetection { class: 0, score: 0.75, cx: 320.0, cy: 120.0, w: 160.0, h: 60.0, r: 0.5 };
/// let answer = OrientedDetections::at_least(0.5, [ship], &labels, (640, 480)).unwrap();
/// assert_eq!(
///     answer.encode(&EncodeContext::new("detect")).unwrap().as_str(),
///     r#"[{"label":"ship","score":0.75,"cx":0.5,"cy":0.25,"w":0.25,"h":0.125,"r":0.5}]"#
/// );
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct OrientedDetections {
    /// Their lengths are fractions of the picture's.
    found: Vec<OrientedDetection>,
    labels: ClassLabels,
}

impl OrientedDetections {
    /// An answer from all that a model found in a picture of this width and height.
    ///
    /// # Errors
    /// A class has no label, a number is not finite, a side is shorter than nothing, or the picture has no pixels.
    pub fn new(
        found: impl IntoIterator<Item = OrientedDetection>,
        labels: &ClassLabels,
        (width, height): (u32, u32),
    ) -> Result<Self> {
        check::size((width, height))?;
        let (width, height) = (width as f32, height as f32);
        let mut found: Vec<_> = found.into_iter().collect();
        for (index, one) in found.iter_mut().enumerate() {
            check::class("detection", index, one.class, labels)?;
            let numbers = [one.score, one.cx, one.cy, one.w, one.h, one.r];
            for (what, value) in ["score", "cx", "cy", "w", "h", "r"].into_iter().zip(numbers) {
                check::finite("detection", index, what, value)?;
            }
            if one.w < 0.0 || one.h < 0.0 {
                return Err(format!("the model's detection {index} has the sides {} and {}", one.w, one.h).into());
            }
            one.cx = (one.cx / width).clamp(0.0, 1.0);
            one.cy = (one.cy / height).clamp(0.0, 1.0);
            one.w /= width;
            one.h /= height;
        }
        check::best_first(&mut found, |one| one.score);
        Ok(Self { found, labels: labels.clone() })
    }

    /// As [`new`](Self::new), of those alone whose score is this or more: what
    /// [`Item::score_threshold`](crate::model::Item::score_threshold) says.
    ///
    /// # Errors
    /// As [`new`](Self::new), of those that are kept.
    pub fn at_least(
        threshold: f32,
        found: impl IntoIterator<Item = OrientedDetection>,
        labels: &ClassLabels,
        size: (u32, u32),
    ) -> Result<Self> {
        Self::new(found.into_iter().filter(|one| check::reaches(one.score, threshold)), labels, size)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
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
        Ok(JsonText::from_value(&self.found.iter().map(object).collect::<Vec<_>>())?)
    }

    fn columns(&self) -> Result<JsonText> {
        #[derive(Serialize)]
        struct Turned {
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
            oriented_detection_boxes: Vec<Turned>,
        }
        let turned = |&OrientedDetection { cx, cy, w, h, r, .. }: &OrientedDetection| Turned { cx, cy, w, h, r };
        Ok(JsonText::from_value(&Columns {
            detection_classes: self.found.iter().map(|one| self.label(one)).collect(),
            detection_scores: self.found.iter().map(|one| one.score).collect(),
            oriented_detection_boxes: self.found.iter().map(turned).collect(),
        })?)
    }
}

impl Output<modality::Image> for OrientedDetections {
    const TASK: Option<&'static str> = Some("Oriented Object Detection");
    const ACTIONS: &'static [&'static str] = &["detect"];
    const LAYOUTS: &'static [OutputLayout] = &[OutputLayout::Objects, OutputLayout::Columns];

    fn schema(layout: Option<OutputLayout>) -> Option<JsonText> {
        schema::written(&match layout {
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

    fn labels() -> ClassLabels {
        ["plane", "ship"].into_iter().collect()
    }

    fn of(class: usize, score: f32, [cx, cy, w, h, r]: [f32; 5]) -> OrientedDetection {
        OrientedDetection { class, score, cx, cy, w, h, r }
    }

    fn json(found: &[OrientedDetection], layout: Option<OutputLayout>) -> String {
        let answer = OrientedDetections::new(found.iter().copied(), &labels(), (200, 100)).unwrap();
        answer.encode(&EncodeContext::new("detect").layout(layout)).unwrap().as_str().to_string()
    }

    #[test]
    fn every_layout_is_the_documented_text_in_fractions_best_first() {
        let found = [of(1, 0.25, [-1., 101., 250., 25., -0.5]), of(0, 0.87, [100., 25., 50., 12.5, 1.5])];
        let objects = r#"[{"label":"plane","score":0.87,"cx":0.5,"cy":0.25,"w":0.25,"h":0.125,"r":1.5},{"label":"ship","score":0.25,"cx":0.0,"cy":1.0,"w":1.25,"h":0.25,"r":-0.5}]"#;
        assert_eq!(json(&found, None), objects);
        assert_eq!(json(&found, Some(OutputLayout::Objects)), objects);
        assert_eq!(
            json(&found, Some(OutputLayout::Columns)),
            r#"{"detection_classes":["plane","ship"],"detection_scores":[0.87,0.25],"oriented_detection_boxes":[{"cx":0.5,"cy":0.25,"w":0.25,"h":0.125,"r":1.5},{"cx":0.0,"cy":1.0,"w":1.25,"h":0.25,"r":-0.5}]}"#
        );
    }

    #[test]
    fn nothing_found_is_an_answer() {
        assert_eq!(json(&[], None), "[]");
        assert_eq!(
            json(&[], Some(OutputLayout::Columns)),
            r#"{"detection_classes":[],"detection_scores":[],"oriented_detection_boxes":[]}"#
        );
    }

    #[test]
    fn ties_keep_their_order_and_the_threshold_itself_is_reported() {
        let at = |class, score| of(class, score, [1.; 5]);
        let found = [at(1, 0.5), at(0, 0.75), at(0, 0.5), at(0, 0.25), at(1, 0.75)];
        let answer = OrientedDetections::at_least(0.5, found, &labels(), (10, 10)).unwrap();
        let order: Vec<_> = answer.found.iter().map(|one| (one.class, one.score)).collect();
        assert_eq!(order, [(0, 0.75), (1, 0.75), (1, 0.5), (0, 0.5)]);
        assert_eq!((answer.len(), answer.is_empty()), (4, false));
    }

    #[test]
    fn what_a_model_gets_wrong_is_the_engines_fault() {
        for (fault, expected) in [
            (of(2, 0.9, [1.; 5]), "detection 0 is of class 2, and there are 2 labels"),
            (of(0, f32::NAN, [1.; 5]), "detection 0 has the score NaN"),
            (of(0, 0.9, [1., 1., 1., 1., f32::NEG_INFINITY]), "detection 0 has the r -inf"),
            (of(0, 0.9, [1., 1., -1., 1., 0.]), "detection 0 has the sides -1 and 1"),
        ] {
            let error = OrientedDetections::at_least(0.5, [fault], &labels(), (10, 10)).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Failed);
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert!(OrientedDetections::new([], &labels(), (10, 0)).is_err());
    }
}
