//! [`Mtcnn`]: three networks that find faces, each among what the one before it has found. The engine calls it.

use chariot_engine::{
    Image, Result,
    candle::{Device, Tensor},
    candle_nn::VarBuilder,
    input::image::Region,
    tasks::{Detection, Keypoint, Nms, Overlap, nms_indices},
};

use crate::{
    nets::{Places, Proposals, Refined, Refinement},
    resample::resample,
};

/// The factor from one size of the image to the next.
const FACTOR: f32 = 0.709;

/// The least probability of a face in each stage.
const LEAST: [f32; 3] = [0.6, 0.7, 0.7];

/// The most pixels of the image that the first stage looks at, which bounds its memory. The smallest faces of a larger image
/// are not found.
const MOST_PIXELS: f32 = 1_048_576.0;

/// The most boxes that a stage hands on.
const MOST_BOXES: usize = 1000;

/// The crops of one call of a network.
const CROPS: usize = 128;

/// MTCNN: a cascade of three networks that finds faces of any size, with five points of each.
#[derive(Debug)]
pub(crate) struct Mtcnn {
    proposals: Proposals,
    second: Refinement,
    third: Refinement,
}

/// A face, in pixels of the image, with the shifts of its edges as shares of the box.
struct Face {
    detection: Detection,
    shift: [f32; 4],
}

impl Mtcnn {
    /// Builds the three networks from their weights.
    ///
    /// # Errors
    /// Returns an error if a tensor is missing or has another shape.
    pub(crate) fn new(pnet: VarBuilder<'_>, rnet: VarBuilder<'_>, onet: VarBuilder<'_>) -> Result<Self> {
        Ok(Self {
            proposals: Proposals::new(&pnet)?,
            second: Refinement::second(&rnet)?,
            third: Refinement::third(&onet)?,
        })
    }

    /// Finds the faces of an image whose side is at least `min_face` pixels, best first. The points are the left eye, the
    /// right eye, the nose, and the left and the right corner of the mouth, as seen by the viewer.
    ///
    /// # Errors
    /// Returns an error of the device.
    pub(crate) fn faces(&self, image: &Image, min_face: u32, device: &Device) -> Result<Vec<Detection>> {
        let mut found = Vec::new();
        for scale in scales(image, min_face) {
            found.extend(best(self.proposed(image, scale, device)?, Nms::new(0.5))?);
        }
        let found = best(found, Nms::new(0.7))?.into_iter().map(|face| face.shifted(0.0).squared());

        let found = refined(&self.second, LEAST[1], image, found.collect(), device)?;
        let found = best(found, Nms::new(0.7))?.into_iter().map(|face| face.shifted(1.0).squared());

        let found = refined(&self.third, LEAST[2], image, found.collect(), device)?;
        let found: Vec<Detection> =
            found.into_iter().map(|face| face.shifted(1.0).detection).filter(is_a_box).collect();
        // The last stage counts pixels with both ends.
        let counted =
            |one: &Detection| Detection::new(0, one.score, [one.xmin, one.ymin, one.xmax + 1.0, one.ymax + 1.0]);
        let options = Nms::new(0.7).overlap(Overlap::Smaller).most(MOST_BOXES);
        let kept = nms_indices(&found.iter().map(counted).collect::<Vec<_>>(), options)?;
        Ok(kept.into_iter().map(|index| found[index].clone()).collect())
    }

    /// Returns the faces of about 12 pixels in an image that is resized by this factor.
    fn proposed(&self, image: &Image, scale: f32, device: &Device) -> Result<Vec<Face>> {
        let side = |side: u32| (side as f32 * scale + 1.0) as u32;
        let (width, height) = (side(image.width()), side(image.height()));
        let whole = Region::new(0, 0, image.width(), image.height());
        let mut numbers = Vec::new();
        resample(image, whole, (width, height), &mut numbers)?;
        let numbers = Tensor::from_vec(numbers, (1, 3, height as usize, width as usize), device)?;
        let Places { scores, shifts } = self.proposals.forward(&numbers)?;
        let mut found = Vec::new();
        for (y, row) in scores.iter().enumerate() {
            for (x, &score) in row.iter().enumerate().filter(|(_, score)| **score >= LEAST[0]) {
                let [left, top] = [x, y].map(|at| (Proposals::STRIDE * at + 1) as f32);
                let side = (Proposals::CELL - 1) as f32;
                // The next networks have learned from boxes that were placed by the factor, before sides become whole pixels.
                let edges = [left, top, left + side, top + side].map(|edge| (edge / scale).floor());
                let shift = std::array::from_fn(|edge| shifts[edge][y][x]);
                found.push(Face { detection: Detection::new(0, score, edges), shift });
            }
        }
        Ok(found)
    }
}

/// Returns the factors by which a face of `min_face` pixels, and then larger and larger ones, become one of 12.
fn scales(image: &Image, min_face: u32) -> impl Iterator<Item = f32> {
    let (width, height) = (image.width() as f32, image.height() as f32);
    let cell = Proposals::CELL as f32;
    let first = (cell / min_face as f32).min((MOST_PIXELS / (width * height)).sqrt());
    let all = std::iter::successors(Some(first), |scale| Some(scale * FACTOR));
    all.take_while(move |scale| width.min(height) * scale >= cell)
}

/// Leaves out the faces that overlap a better one.
fn best(found: Vec<Face>, options: Nms) -> Result<Vec<Face>> {
    let boxes: Vec<Detection> = found.iter().map(|face| face.detection.clone()).collect();
    let kept = nms_indices(&boxes, options.most(MOST_BOXES))?;
    let mut found: Vec<Option<Face>> = found.into_iter().map(Some).collect();
    Ok(kept.into_iter().filter_map(|index| found[index].take()).collect())
}

/// Judges boxes by a network of a later stage, and keeps those with a probability above `least`.
fn refined(net: &Refinement, least: f32, image: &Image, found: Vec<Face>, device: &Device) -> Result<Vec<Face>> {
    let found: Vec<(Detection, Region)> = found
        .into_iter()
        .filter_map(|face| Some((region(&face.detection, image)?, face)))
        .map(|(region, face)| (face.detection, region))
        .collect();
    let mut kept = Vec::new();
    for found in found.chunks(CROPS) {
        let mut numbers = Vec::new();
        for (_, region) in found {
            resample(image, *region, (net.side, net.side), &mut numbers)?;
        }
        let crops = Tensor::from_vec(numbers, (found.len(), 3, net.side as usize, net.side as usize), device)?;
        for ((detection, _), refined) in found.iter().zip(net.forward(&crops)?) {
            if refined.score > least {
                kept.push(Face::refined(detection, &refined));
            }
        }
    }
    Ok(kept)
}

/// Returns the pixels of an image within a box, which are counted from 1. `None` if there are none, or if a network has
/// turned the box inside out.
fn region(one: &Detection, image: &Image) -> Option<Region> {
    if !is_a_box(one) {
        return None;
    }
    let side = |from: f32, to: f32, most: u32| {
        let (from, to) = ((from as i64).max(1) - 1, (to as i64).min(most.into()));
        u32::try_from(to - from).ok().filter(|length| *length > 0).map(|length| (from, length))
    };
    let (left, width) = side(one.xmin, one.xmax, image.width())?;
    let (top, height) = side(one.ymin, one.ymax, image.height())?;
    Some(Region::new(left, top, width, height))
}

/// Returns `false` for a box that a network has turned inside out.
fn is_a_box(one: &Detection) -> bool {
    one.xmin < one.xmax && one.ymin < one.ymax
}

impl Face {
    /// Creates a face from a box and the judgment of a network on it.
    fn refined(one: &Detection, refined: &Refined) -> Self {
        let (width, height) = (one.xmax - one.xmin + 1.0, one.ymax - one.ymin + 1.0);
        let (across, down) = refined.points.split_at(refined.points.len() / 2);
        let points = across.iter().zip(down).map(|(x, y)| Keypoint {
            x: one.xmin + x * width - 1.0,
            y: one.ymin + y * height - 1.0,
            score: None,
        });
        let detection = Detection { score: refined.score, ..one.clone() }.with_keypoints(points);
        Face { detection, shift: std::array::from_fn(|edge| refined.shift[edge]) }
    }

    /// Applies the shifts of the edges. `end` is 1 where pixels are counted with both ends.
    fn shifted(mut self, end: f32) -> Self {
        let one = &mut self.detection;
        let (width, height) = (one.xmax - one.xmin + end, one.ymax - one.ymin + end);
        let [left, top, right, bottom] = self.shift;
        one.xmin += left * width;
        one.ymin += top * height;
        one.xmax += right * width;
        one.ymax += bottom * height;
        self
    }

    /// Makes the box a square about its middle.
    fn squared(mut self) -> Self {
        let one = &mut self.detection;
        let (width, height) = (one.xmax - one.xmin, one.ymax - one.ymin);
        let side = width.max(height);
        one.xmin += (width - side) / 2.0;
        one.ymin += (height - side) / 2.0;
        (one.xmax, one.ymax) = (one.xmin + side, one.ymin + side);
        self
    }
}
