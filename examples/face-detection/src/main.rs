//! An engine that finds faces in photographs, with five points of each: the eyes, the nose and the corners of the mouth.

mod cascade;
mod nets;
mod resample;

use chariot_engine::prelude::*;

use self::cascade::Mtcnn;

/// The settings of the engine.
#[derive(Settings)]
struct FacesSettings {
    /// Least side of a face, in pixels of the photograph
    #[setting(default = 20, range = 12..=10000)]
    min_face: u32,
}

/// A detector of faces: MTCNN.
#[chariot_engine]
struct Faces {
    mtcnn: Mtcnn,
    labels: ClassLabels,
    min_face: u32,
}

impl Model for Faces {
    type Settings = FacesSettings;
    type Input = Image;
    type Output = Detections;

    async fn load(ctx: &LoadContext<FacesSettings>) -> Result<Self> {
        let mtcnn = Mtcnn::new(ctx.pth("pnet.pt")?, ctx.pth("rnet.pt")?, ctx.pth("onet.pt")?)?;
        Ok(Self { mtcnn, labels: ctx.class_labels()?, min_face: ctx.settings().min_face })
    }

    async fn infer(&self, batch: Batch<Image>) -> Result<Vec<Detections>> {
        batch.try_map(|image| {
            let (size, threshold, device) =
                ((image.width(), image.height()), image.score_threshold(), image.device().clone());
            // Networks know upright faces, and callers the pixels of the file.
            let placement = image.upright_placement();
            let faces = self.mtcnn.faces(&image.into_value().upright(), self.min_face, device.as_candle())?;
            let faces = faces.into_iter().map(|face| face.to_image(&placement));
            Detections::at_least(threshold, faces, &self.labels, size)
        })
    }
}
