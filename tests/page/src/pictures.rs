//! Models of pictures, whose answers are drawn.

use std::f32::consts::FRAC_PI_6;

use chariot_engine::prelude::*;

use crate::HOSTILE;

/// Returns two boxes at known places: the left half, and a square in the lower right corner.
fn two_boxes(image: &Image, threshold: f32) -> Result<Detections> {
    let labels: ClassLabels = ["cat", HOSTILE].into_iter().collect();
    let (width, height) = (image.width() as f32, image.height() as f32);
    let half = Detection::new(0, 0.9, [4.0, 4.0, width / 2.0, height - 4.0]);
    let corner = Detection::new(1, 0.6, [width * 0.7, height * 0.6, width * 0.9, height * 0.8]);
    Detections::at_least(threshold, [half, corner], &labels, (image.width(), image.height()))
}

/// Two boxes in the pixels as they are stored.
pub(crate) struct Boxes;

impl Model for Boxes {
    type Settings = ();
    type Input = Image;
    type Output = Detections;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Boxes)
    }

    async fn infer(&self, batch: Batch<Image>) -> Result<Vec<Detections>> {
        batch.try_map(|image| two_boxes(&image, image.score_threshold()))
    }
}

/// Two boxes in the pixels that EXIF turns.
pub(crate) struct UprightBoxes;

impl Model for UprightBoxes {
    type Settings = ();
    type Input = Image;
    type Output = Detections;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(UprightBoxes)
    }

    async fn infer(&self, batch: Batch<Image>) -> Result<Vec<Detections>> {
        batch.try_map(|image| two_boxes(&Image::clone(&image).upright(), image.score_threshold()))
    }
}

/// A box in the middle, turned by 30 degrees.
pub(crate) struct Turned;

impl Model for Turned {
    type Settings = ();
    type Input = Image;
    type Output = OrientedDetections;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Turned)
    }

    async fn infer(&self, batch: Batch<Image>) -> Result<Vec<OrientedDetections>> {
        let labels: ClassLabels = ["ship"].into_iter().collect();
        batch.try_map(|image| {
            let (width, height) = (image.width() as f32, image.height() as f32);
            let (cx, cy, w, h) = (width / 2.0, height / 2.0, width / 2.0, height / 4.0);
            let ship = OrientedDetection { class: 0, score: 0.9, cx, cy, w, h, r: FRAC_PI_6 };
            OrientedDetections::at_least(image.score_threshold(), [ship], &labels, (image.width(), image.height()))
        })
    }
}

/// A mask whose right half is class 1.
pub(crate) struct Mask;

impl Model for Mask {
    type Settings = ();
    type Input = Image;
    type Output = Segmentation;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Mask)
    }

    async fn infer(&self, batch: Batch<Image>) -> Result<Vec<Segmentation>> {
        let labels: ClassLabels = ["water"].into_iter().collect();
        batch.try_map(|image| {
            let mask = Segmentation::new(vec![0, 1], MaskLabels::AfterBackground(&labels), (2, 1))?;
            mask.resized((image.width(), image.height()))
        })
    }
}
