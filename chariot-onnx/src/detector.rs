//! [`OnnxDetector`], an ONNX file of the YOLO family that detects objects.

use std::sync::OnceLock;

use chariot_engine::{
    input::image::Resize,
    model::{Batch, LoadContext, Worker},
    prelude::*,
    tasks::{Nms, nms},
};

use crate::{
    boxes::best_of,
    engine_file::{BoxForm, BoxOptions, EngineFile},
    network::Network,
    pictures::Pictures,
    settings::OnnxSettings,
};

/// The value of the pixels beside an image, as models of the YOLO family are trained with.
const GRAY: u8 = 114;

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
}

impl Model for OnnxDetector {
    type Settings = OnnxSettings;
    type Input = Image;
    type Output = Detections;

    async fn load(ctx: &LoadContext<OnnxSettings>) -> Result<Self> {
        let file = EngineFile::load(ctx)?;
        let network = Network::open(ctx)?;
        let pictures = Pictures::new(network.input()?, &file.image, Resize::Fit { pad: GRAY })?;
        Ok(OnnxDetector {
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
        let images: Vec<&Image> = batch.iter().map(|item| item.value()).collect();
        let items: Vec<_> = batch.iter().collect();
        self.pictures.run(&self.network, &mut session, &images, &[3], |index, shape, values| {
            let image = items[index];
            let size = (image.width(), image.height());
            let form = self.form_of(shape)?;
            let placement = self.pictures.pixels.placement(size.0, size.1);
            let found = form.read(shape, values, self.labels.len(), image.score_threshold(), placement);
            let found = found.context("the model's output")?;
            let kept = match form {
                BoxForm::Selected => best_of(found, self.boxes.most),
                _ => nms(found, Nms::new(self.boxes.iou.into()).most(self.boxes.most)).context("the model's output")?,
            };
            Detections::new(kept, &self.labels, size)
        })
    }
}

impl std::fmt::Debug for OnnxDetector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxDetector").field("labels", &self.labels.len()).finish_non_exhaustive()
    }
}
