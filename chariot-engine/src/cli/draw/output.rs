//! The outputs that `--draw` draws, read from the JSON of their tasks in each layout. `draw` calls it.

use serde::Deserialize;

use crate::{
    error::{Expected, printable},
    tasks::same_task,
};

/// The task of a model whose outputs can be drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Task {
    Classification,
    Detection,
    OrientedDetection,
    Segmentation,
}

impl Task {
    /// The names of the tasks, in the order of the variants.
    pub(super) const NAMES: [&str; 4] =
        ["Image Classification", "Object Detection", "Oriented Object Detection", "Image Segmentation"];

    /// Returns the task with this name. `None` if its outputs cannot be drawn.
    pub(super) fn named(name: &str) -> Option<Self> {
        let tasks = [Task::Classification, Task::Detection, Task::OrientedDetection, Task::Segmentation];
        tasks.into_iter().zip(Self::NAMES).find(|(_, other)| same_task(other, name)).map(|(task, _)| task)
    }
}

/// A label, with its score if the output has one.
#[derive(Debug, Deserialize, PartialEq)]
pub(super) struct Scored {
    pub(super) label: String,
    pub(super) score: Option<f32>,
}

impl Scored {
    /// Returns the text to draw.
    pub(super) fn text(&self) -> String {
        let label = printable(&self.label);
        self.score.map_or_else(|| label.to_string(), |score| format!("{label} {score:.2}"))
    }
}

/// An output of Image Classification.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Classes {
    Label(String),
    /// The layout `objects`.
    Best(Vec<Scored>),
    /// The action `predict_proba`.
    Probabilities(Vec<f32>),
}

impl Classes {
    /// Returns the classes, best first. A single label has the highest of `probabilities`, an output of `predict_proba`.
    pub(super) fn scored(self, probabilities: Option<&str>) -> Vec<Scored> {
        match self {
            Classes::Label(label) => {
                let all = probabilities.and_then(|text| serde_json::from_str::<Vec<f32>>(text).ok());
                vec![Scored { label, score: all.and_then(|all| all.into_iter().reduce(f32::max)) }]
            }
            Classes::Best(best) => best,
            Classes::Probabilities(all) => {
                let named = |(id, score)| Scored { label: format!("class {id}"), score: Some(score) };
                let mut all: Vec<_> = all.into_iter().enumerate().map(named).collect();
                all.sort_by(|a, b| b.score.unwrap_or(0.0).total_cmp(&a.score.unwrap_or(0.0)));
                all
            }
        }
    }
}

/// A detected object, in pixels of the image.
#[derive(Debug, PartialEq)]
pub(super) struct Found {
    pub(super) scored: Scored,
    pub(super) outline: Outline,
    pub(super) keypoints: Vec<[f32; 2]>,
}

/// The outline of an object.
#[derive(Debug, PartialEq)]
pub(super) enum Outline {
    /// `[xmin, ymin, xmax, ymax]`.
    Upright([f32; 4]),
    /// The corners in order.
    Rotated([[f32; 2]; 4]),
}

impl Outline {
    /// Returns the corner at which the label is drawn: the upper left one, or the highest.
    pub(super) fn corner(&self) -> [f32; 2] {
        match self {
            Outline::Upright([xmin, ymin, ..]) => [*xmin, *ymin],
            Outline::Rotated(corners) => {
                corners.iter().copied().reduce(|a, b| if b[1] < a[1] { b } else { a }).unwrap_or_default()
            }
        }
    }
}

/// A rotated box, in fractions of the image's size.
#[derive(Deserialize)]
struct RotatedBox {
    cx: f32,
    cy: f32,
    w: f32,
    h: f32,
    r: f32,
}

impl RotatedBox {
    fn outline(&self, (width, height): (u32, u32)) -> Outline {
        let (width, height) = (width as f32, height as f32);
        let (sine, cosine) = self.r.sin_cos();
        let (half_width, half_height) = (self.w * width / 2.0, self.h * height / 2.0);
        Outline::Rotated([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]].map(|[right, down]| {
            let (x, y) = (right * half_width, down * half_height);
            [self.cx * width + x * cosine - y * sine, self.cy * height + x * sine + y * cosine]
        }))
    }
}

#[derive(Deserialize)]
struct Edges {
    xmin: f32,
    ymin: f32,
    xmax: f32,
    ymax: f32,
    #[serde(default)]
    keypoints: Vec<Keypoint>,
}

#[derive(Deserialize)]
struct Keypoint {
    x: f32,
    y: f32,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum BoxObject {
    Upright(Edges),
    Rotated(RotatedBox),
}

#[derive(Deserialize)]
struct Object {
    #[serde(flatten)]
    scored: Scored,
    #[serde(flatten)]
    outline: BoxObject,
}

/// An output of Object Detection or Oriented Object Detection.
#[derive(Deserialize)]
#[serde(untagged)]
enum Detections {
    Objects(Vec<Object>),
    Columns {
        detection_classes: Vec<String>,
        detection_scores: Vec<f32>,
        /// `[ymin, xmin, ymax, xmax]`.
        #[serde(default)]
        detection_boxes: Vec<[f32; 4]>,
        #[serde(default)]
        oriented_detection_boxes: Vec<RotatedBox>,
    },
}

/// Reads an output of Image Classification.
pub(super) fn classes(output: &str) -> Result<Classes, String> {
    serde_json::from_str(output).map_err(|_| undrawable("a label, labels with scores, or probabilities"))
}

/// Reads an output of Object Detection or Oriented Object Detection, for an image of this size.
pub(super) fn detections(output: &str, size: (u32, u32)) -> Result<Vec<Found>, String> {
    let read = serde_json::from_str(output).map_err(|_| undrawable("objects with boxes, or columns of them"))?;
    Ok(match read {
        Detections::Objects(objects) => objects
            .into_iter()
            .map(|Object { scored, outline }| match outline {
                BoxObject::Rotated(rotated) => Found { scored, outline: rotated.outline(size), keypoints: vec![] },
                BoxObject::Upright(Edges { xmin, ymin, xmax, ymax, keypoints }) => Found {
                    scored,
                    outline: Outline::Upright([xmin, ymin, xmax, ymax]),
                    keypoints: keypoints.iter().map(|point| [point.x, point.y]).collect(),
                },
            })
            .collect(),
        Detections::Columns { detection_classes, detection_scores, detection_boxes, oriented_detection_boxes } => {
            let upright =
                detection_boxes.iter().map(|&[ymin, xmin, ymax, xmax]| Outline::Upright([xmin, ymin, xmax, ymax]));
            let outlines = upright.chain(oriented_detection_boxes.iter().map(|rotated| rotated.outline(size)));
            let found = |((label, score), outline)| Found {
                scored: Scored { label, score: Some(score) },
                outline,
                keypoints: vec![],
            };
            detection_classes.into_iter().zip(detection_scores).zip(outlines).map(found).collect()
        }
    })
}

/// Reads an output of Image Segmentation, as rows of IDs for an image of this size.
pub(super) fn mask(output: &str, (width, height): (u32, u32)) -> Result<Vec<Vec<u32>>, String> {
    let rows: Vec<Vec<u32>> = serde_json::from_str(output).map_err(|_| undrawable("rows of IDs"))?;
    let columns = rows.first().map_or(0, Vec::len);
    if rows.len() != height as usize || columns != width as usize || rows.iter().any(|row| row.len() != columns) {
        let what = format!("a mask of {width} x {height} pixels, as the image is stored");
        return Err(Expected::new(what, format!("{columns} x {}", rows.len())).to_string());
    }
    Ok(rows)
}

fn undrawable(what: &str) -> String {
    Expected::new(what, "an output of another form, which cannot be drawn").to_string()
}
