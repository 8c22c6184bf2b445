//! An engine that names what a photograph shows, out of the 1000 classes of ImageNet.

mod net;

use chariot_engine::{input::image::Resize, prelude::*};

use self::net::MobileNetV2;

/// The settings of the engine.
#[derive(Settings)]
struct ClassifierSettings {
    /// Number of labels, in the layout `objects`
    #[setting(default = 5, range = 1..=1000)]
    top_k: usize,
}

/// A classifier of photographs: MobileNetV2 with the 1000 classes of ImageNet.
#[chariot_engine]
struct Classifier {
    net: MobileNetV2,
    labels: ClassLabels,
    top_k: usize,
}

impl Model for Classifier {
    type Settings = ClassifierSettings;
    type Input = Image;
    type Output = Classification;

    async fn load(ctx: &LoadContext<ClassifierSettings>) -> Result<Self> {
        let net = MobileNetV2::new(ctx.pth("mobilenet_v2.pth")?)?;
        Ok(Self { net, labels: ctx.class_labels()?, top_k: ctx.settings().top_k })
    }

    async fn infer(&self, batch: Batch<Image>) -> Result<Vec<Classification>> {
        // The numbers that torchvision trains with: the middle of the photograph, and the mean and deviation of ImageNet.
        let pixels = Pixels::rgb(224, 224)
            .upright()
            .resize(Resize::Crop)
            .mean([0.485, 0.456, 0.406])
            .deviation([0.229, 0.224, 0.225]);
        Classification::from_logits(&self.net.forward(&batch.to_tensor(pixels)?)?, &self.labels, self.top_k)
    }
}
