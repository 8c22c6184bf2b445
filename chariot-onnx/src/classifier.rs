//! [`OnnxClassifier`], an ONNX file that classifies images.

use chariot_engine::{
    input::image::Resize,
    model::{Batch, LoadContext, Worker},
    prelude::*,
};

use crate::{
    engine_file::{EngineFile, Scores},
    message::expected,
    network::Network,
    pictures::Pictures,
    settings::OnnxSettings,
};

/// A classifier of images: one input of images, and an output of shape `[n, classes]`.
///
/// ```no_run
/// # fn main() -> std::process::ExitCode {
/// chariot_engine::Engine::builder().model::<chariot_onnx::OnnxClassifier>("pets").command_line()
/// # }
/// ```
pub struct OnnxClassifier {
    network: Network,
    pictures: Pictures,
    labels: ClassLabels,
    scores: Scores,
}

impl OnnxClassifier {
    /// The most labels of an output.
    const TOP: usize = 5;

    fn output(&self, mut scores: Vec<f32>) -> Result<Classification> {
        if self.scores == Scores::Softmax {
            let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            scores.iter_mut().for_each(|score| *score = (*score - most).exp());
            let sum: f32 = scores.iter().sum();
            scores.iter_mut().for_each(|score| *score /= sum);
        }
        Classification::new(scores, &self.labels, Self::TOP)
    }
}

impl Model for OnnxClassifier {
    type Settings = OnnxSettings;
    type Input = Image;
    type Output = Classification;

    async fn load(ctx: &LoadContext<OnnxSettings>) -> Result<Self> {
        let file = EngineFile::load(ctx)?;
        let network = Network::open(ctx)?;
        let pictures = Pictures::new(network.input()?, &file.image, Resize::Stretch)?;
        Ok(OnnxClassifier { pictures, labels: file.class_labels(ctx, &network)?, scores: file.scores, network })
    }

    fn spec() -> Spec {
        // The activations of more images than this take more memory than time.
        Spec::new::<Self>().max_batch(8)
    }

    async fn warm_up(&self, worker: &Worker) -> Result<()> {
        let mut session = self.network.warm_up(worker)?;
        let shape = self.pictures.try_out(&self.network, &mut session, &[2])?;
        if shape != [self.labels.len()] {
            let what = format!("as many labels as the model has classes, {}", shape[0]);
            return Err(expected(what, self.labels.len())).context("labels");
        }
        // The softmax of probabilities is a wrong answer that looks like a right one.
        match self.network.last_operator() {
            Some(operator @ ("Softmax" | "Sigmoid")) if self.scores == Scores::Softmax => {
                let what = format!("\"none\", because the model's output is that of {operator}");
                Err(expected(what, "softmax, which is the default; set `\"scores\": \"none\"`"))
                    .context("engine.json: scores")
            }
            _ => Ok(()),
        }
    }

    async fn infer(&self, batch: Batch<Image>) -> Result<Vec<Classification>> {
        let mut session = self.network.session(&batch)?;
        let images: Vec<&Image> = batch.iter().map(|item| item.value()).collect();
        let output = |_, _: &[usize], scores: &[f32]| self.output(scores.to_vec());
        self.pictures.run(&self.network, &mut session, &images, &[2], output)
    }
}

impl std::fmt::Debug for OnnxClassifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxClassifier").field("labels", &self.labels.len()).finish_non_exhaustive()
    }
}
