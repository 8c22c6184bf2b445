//! [`OnnxDetector`], an ONNX file of the YOLO family that detects objects.

use std::sync::OnceLock;

use chariot_engine::{
    input::image::{Placement, Resize, Tile},
    model::{Batch, LoadContext, Worker},
    onnx::OnnxSession,
    prelude::*,
    tasks::{Nms, Overlap, merge, nms},
};

use crate::{
    boxes::best_of,
    engine_file::{BoxForm, BoxOptions, EngineFile, TileOptions},
    network::Network,
    pictures::Pictures,
    settings::OnnxSettings,
};

/// The value of the pixels beside an image, as models of the YOLO family are trained with.
const GRAY: u8 = 114;

/// The overlap from which boxes of several tiles are one object: SAHI's default, as a share of the smaller box.
const SAME: f64 = 0.5;

/// The most boxes of all tiles that are compared with each other.
const MOST_FOUND: usize = 30_000;

/// A detector of objects: one input of images, and an output of boxes in one of the forms of the YOLO family.
///
/// ```no_run
/// # fn main() -> std::process::ExitCode {
/// chariot_engine::Engine::builder().model::<chariot_onnx::OnnxDetector>("planes").command_line()
/// # }
/// ```
pub struct OnnxDetector {
    network: Network,
    pictures: Pictures,
    labels: ClassLabels,
    boxes: BoxOptions,
    /// The width and the height of a tile, and the share of it that its neighbor shows too.
    tiles: Option<((u32, u32), f64)>,
    /// The form of the output, known once a worker has seen one.
    form: OnceLock<BoxForm>,
}

impl OnnxDetector {
    /// Returns the form of the outputs, which the first one decides.
    fn form_of(&self, shape: &[usize]) -> Result<BoxForm> {
        if let Some(form) = self.form.get() {
            return Ok(*form);
        }
        let form = BoxForm::of(shape, self.labels.len(), self.boxes.form)?;
        Ok(*self.form.get_or_init(|| form))
    }

    /// Returns the boxes that an output has of an image or a tile, without those that overlap a better one.
    fn boxes(&self, shape: &[usize], values: &[f32], threshold: f32, placement: Placement) -> Result<Vec<Detection>> {
        let form = self.form_of(shape)?;
        let found = form.read(shape, values, self.labels.len(), threshold, placement).context("the model's output")?;
        match form {
            BoxForm::Selected => Ok(best_of(found, self.boxes.most)),
            _ => nms(found, Nms::new(self.boxes.iou.into()).most(self.boxes.most)).context("the model's output"),
        }
    }

    /// Returns the boxes of an image that is looked at in tiles, a few at a time.
    fn boxes_of_tiles(
        &self,
        session: &mut OnnxSession,
        image: &Item<Image>,
        (size, overlap): ((u32, u32), f64),
    ) -> Result<Vec<Detection>> {
        let mut tiles = self.pictures.pixels.tiles(image, size, overlap)?;
        let mut found = Vec::new();
        loop {
            let some: Vec<Tile<'_>> = tiles.by_ref().take(self.pictures.limit()).collect();
            if some.is_empty() {
                found = best_of(found, MOST_FOUND);
                return merge(found, Nms::new(SAME).overlap(Overlap::Smaller).most(self.boxes.most));
            }
            if image.is_cancelled() {
                return Err("the caller has disconnected".into());
            }
            let write = |tile: &Tile<'_>, into: &mut Vec<f32>| tile.write(into);
            self.pictures.call(&self.network, session, &some, write, &[3], |tile, shape, values| {
                found.extend(self.boxes(shape, values, image.score_threshold(), tile.placement())?);
                Ok(())
            })?;
            if found.len() > 2 * MOST_FOUND {
                found = best_of(found, MOST_FOUND);
            }
        }
    }
}

impl Model for OnnxDetector {
    type Settings = OnnxSettings;
    type Input = Image;
    type Output = Detections;

    async fn load(ctx: &LoadContext<OnnxSettings>) -> Result<Self> {
        let file = EngineFile::load(ctx)?;
        let network = Network::open(ctx)?;
        let pictures = Pictures::new(network.input()?, &file.image, Resize::Fit { pad: GRAY })?;
        let tiles = |tiles: &TileOptions| Ok::<_, Error>((tiles.size(pictures.size())?, tiles.overlap));
        let tiles = file.tiles.as_ref().map(tiles).transpose()?;
        Ok(OnnxDetector {
            tiles,
            pictures,
            labels: file.class_labels(ctx, &network)?,
            boxes: file.boxes,
            form: OnceLock::new(),
            network,
        })
    }

    fn spec() -> Spec {
        // The activations of more images than this take more memory than time.
        Spec::new::<Self>().max_batch(8)
    }

    async fn warm_up(&self, worker: &Worker) -> Result<()> {
        let mut session = self.network.warm_up(worker)?;
        let shape = self.pictures.try_out(&self.network, &mut session, &[3])?;
        self.form_of(&shape).map(drop)
    }

    async fn infer(&self, batch: Batch<Image>) -> Result<Vec<Detections>> {
        let mut session = self.network.session(&batch)?;
        if let Some(tiles) = self.tiles {
            return batch.try_map(|image| {
                let found = self.boxes_of_tiles(&mut session, &image, tiles)?;
                Detections::new(found, &self.labels, (image.width(), image.height()))
            });
        }
        let images: Vec<&Image> = batch.iter().map(|item| item.value()).collect();
        let items: Vec<_> = batch.iter().collect();
        self.pictures.run(&self.network, &mut session, &images, &[3], |index, shape, values| {
            let image = items[index];
            let placement = self.pictures.pixels.placement(image);
            let found = self.boxes(shape, values, image.score_threshold(), placement)?;
            Detections::new(found, &self.labels, (image.width(), image.height()))
        })
    }
}

impl std::fmt::Debug for OnnxDetector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxDetector").field("labels", &self.labels.len()).finish_non_exhaustive()
    }
}
