//! `engine.json`: what an ONNX file cannot say about itself. The command line reads its task, and the models the rest.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use chariot_engine::{
    input::image::{ChannelLayout, Filter, PerChannel, Pixels, Resize},
    model::{LoadContext, ModelFiles},
    onnx::Onnx,
    prelude::*,
};
use serde::Deserialize;

use crate::{class_names, message::expected, network::Network, settings::OnnxSettings};

/// The name of the file.
const NAME: &str = "engine.json";

/// The contents of the file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EngineFile {
    /// The task, as the platform names it. Without one the engine serves named tensors.
    pub(crate) task: Option<Task>,
    /// The labels of the classes, in the order of their IDs. Default: those of `class_labels.json`, else of the ONNX file.
    #[serde(default)]
    pub(crate) labels: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) image: ImageOptions,
    #[serde(default)]
    pub(crate) scores: Scores,
    #[serde(default)]
    pub(crate) boxes: BoxOptions,
    /// The parts of an image that a detector looks at. Without them it looks at the whole image.
    #[serde(default)]
    pub(crate) tiles: Option<TileOptions>,
    #[serde(default)]
    pub(crate) text: TextOptions,
    /// The greatest lengths of inputs that callers of named tensors can send, by the names of the inputs.
    #[serde(default)]
    pub(crate) max_shapes: BTreeMap<String, Vec<usize>>,
}

/// The tasks that have an engine.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Task {
    #[serde(rename = "Image Classification")]
    ImageClassification,
    #[serde(rename = "Object Detection")]
    ObjectDetection,
    #[serde(rename = "Text Embedding")]
    TextEmbedding,
}

/// The conversion of images to numbers. The size is that of the file's input, unless the file leaves it open.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ImageOptions {
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
    resize: Option<ResizeName>,
    /// The value of the pixels beside an image that does not fill the size.
    pad: Option<u8>,
    filter: Option<FilterName>,
    channels: Option<Channels>,
    /// Set if images are turned by their EXIF orientation.
    upright: bool,
    scale: Option<f32>,
    mean: Option<OneOrThree>,
    deviation: Option<OneOrThree>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ResizeName {
    Stretch,
    Fit,
    Crop,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FilterName {
    Nearest,
    Bilinear,
    Area,
    Bicubic,
    Lanczos,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Channels {
    Rgb,
    Bgr,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum OneOrThree {
    One(f32),
    Three([f32; 3]),
}

impl From<OneOrThree> for PerChannel {
    fn from(values: OneOrThree) -> Self {
        match values {
            OneOrThree::One(value) => value.into(),
            OneOrThree::Three(values) => values.into(),
        }
    }
}

impl ImageOptions {
    /// Returns the conversion to a size, with this resizing unless the file names one.
    pub(crate) fn pixels(
        &self,
        (width, height): (u32, u32),
        is_gray: bool,
        layout: ChannelLayout,
        resize: Resize,
    ) -> Pixels {
        let pad = self.pad.unwrap_or(if let Resize::Fit { pad } = resize { pad } else { 0 });
        let mut pixels = if is_gray { Pixels::gray(width, height) } else { Pixels::rgb(width, height) };
        pixels = pixels.layout(layout).resize(match self.resize {
            Some(ResizeName::Stretch) => Resize::Stretch,
            Some(ResizeName::Fit) => Resize::Fit { pad },
            Some(ResizeName::Crop) => Resize::Crop,
            None if matches!(resize, Resize::Fit { .. }) => Resize::Fit { pad },
            None => resize,
        });
        pixels = match self.filter {
            Some(FilterName::Nearest) => pixels.filter(Filter::Nearest),
            Some(FilterName::Area) => pixels.filter(Filter::Area),
            Some(FilterName::Bicubic) => pixels.filter(Filter::Bicubic),
            Some(FilterName::Lanczos) => pixels.filter(Filter::Lanczos),
            Some(FilterName::Bilinear) | None => pixels,
        };
        if let Some(Channels::Bgr) = self.channels {
            pixels = pixels.bgr();
        }
        if self.upright {
            pixels = pixels.upright();
        }
        if let Some(scale) = self.scale {
            pixels = pixels.scale(scale);
        }
        if let Some(mean) = self.mean {
            pixels = pixels.mean(mean);
        }
        match self.deviation {
            Some(deviation) => pixels.deviation(deviation),
            None => pixels,
        }
    }
}

/// The meaning of a classifier's output.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scores {
    /// Logits, of which the softmax is the probabilities.
    #[default]
    Softmax,
    /// Probabilities.
    None,
}

/// The reading of a detector's output.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BoxOptions {
    /// The overlap (intersection over union) from which the lesser of two boxes of a class is left out.
    pub(crate) iou: f32,
    /// The most boxes of an image.
    pub(crate) most: usize,
    /// The form of the output, where its shape fits several.
    pub(crate) form: Option<BoxForm>,
}

/// The forms of a detector's output for an image.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BoxForm {
    /// `[4 + classes, boxes]`, with centre, width and height, and a score for each class.
    Yolov8,
    /// `[boxes, 5 + classes]`, with a score of the box before those of the classes.
    Yolov5,
    /// `[boxes, 6]`, already selected: the corners, the score and the class.
    Selected,
}

impl Default for BoxOptions {
    fn default() -> Self {
        BoxOptions { iou: 0.45, most: 300, form: None }
    }
}

/// The division of an image into tiles that overlap.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TileOptions {
    /// The width and the height of a tile in pixels of the image. Default: the size that the model reads.
    pub(crate) size: Option<u32>,
    /// The share of a tile that its neighbor shows too.
    pub(crate) overlap: f64,
}

impl Default for TileOptions {
    fn default() -> Self {
        TileOptions { size: None, overlap: 0.2 }
    }
}

impl TileOptions {
    /// Returns the width and the height of a tile, for a model that reads images of this size.
    ///
    /// # Errors
    /// Returns an error if a tile has fewer pixels than the model reads, which shows it no more than a larger tile.
    pub(crate) fn size(&self, model: (u32, u32)) -> Result<(u32, u32)> {
        let least = model.0.max(model.1);
        match self.size {
            Some(size) if size < least => {
                let what = format!("at least {least}, the longer side of the model's images");
                Err(Error::from(format!("{NAME}: tiles.size: {}", expected(what, size))))
            }
            Some(size) => Ok((size, size)),
            None => Ok(model),
        }
    }
}

/// The reading of texts and of an embedder's output.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TextOptions {
    /// The most tokens of a text; what follows is left out.
    pub(crate) max_tokens: usize,
    pub(crate) pooling: Pooling,
    /// Set if a vector is divided by its length.
    pub(crate) normalize: bool,
}

impl Default for TextOptions {
    fn default() -> Self {
        TextOptions { max_tokens: 256, pooling: Pooling::Mean, normalize: true }
    }
}

/// The way from the vectors of tokens to one of the text.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pooling {
    /// The mean of all tokens.
    Mean,
    /// The first token.
    Cls,
    /// The last token.
    Last,
}

impl TextOptions {
    /// Returns the pooling of the SDK.
    pub(crate) fn pooling(&self) -> chariot_engine::text::Pooling {
        use chariot_engine::text;
        let pooling = match self.pooling {
            Pooling::Mean => text::Pooling::mean(),
            Pooling::Cls => text::Pooling::cls(),
            Pooling::Last => text::Pooling::last(),
        };
        if self.normalize { pooling.normalized() } else { pooling }
    }
}

impl EngineFile {
    /// Reads the file of a model. Without one, all is as by default.
    ///
    /// # Errors
    /// Returns an error that names the line if the file is not what this module describes.
    pub(crate) fn load(ctx: &LoadContext<OnnxSettings>) -> Result<Self> {
        let file = match ctx.file(NAME) {
            Ok(_) => ctx.json::<EngineFile>(NAME)?,
            Err(_) => EngineFile::default(),
        };
        file.check().context(NAME)?;
        Ok(file)
    }

    /// Returns `true` if a directory has the file, whatever is in it.
    pub(crate) fn exists_in(dir: &Path) -> bool {
        Self::text_in(dir).is_some()
    }

    /// Returns the file in a directory, or what is so by default if it cannot be read: the model reports the faults.
    pub(crate) fn read_in(dir: &Path) -> Self {
        let read = |text: String| serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(&text)).ok();
        Self::text_in(dir).and_then(read).unwrap_or_default()
    }

    fn text_in(dir: &Path) -> Option<String> {
        std::fs::read_to_string(ModelFiles::new(dir).file(NAME).ok()?).ok()
    }

    fn check(&self) -> Result<()> {
        let fault = |place: &str, what: &str, got: &dyn std::fmt::Display| {
            Err(Error::from(format!("{place}: {}", expected(what, got))))
        };
        if !(0.0..=1.0).contains(&self.boxes.iou) {
            return fault("boxes.iou", "a number from 0 to 1", &self.boxes.iou);
        }
        if let Some(TileOptions { overlap, .. }) = &self.tiles {
            if !(0.0..1.0).contains(overlap) {
                return fault("tiles.overlap", "a number from 0 to less than 1", overlap);
            }
            if self.task != Some(Task::ObjectDetection) {
                return fault("tiles", "none without the task Object Detection", &"some");
            }
        }
        if self.text.max_tokens < 2 {
            return fault("text.max_tokens", "at least 2", &self.text.max_tokens);
        }
        if self.labels.as_ref().is_some_and(Vec::is_empty) {
            return fault("labels", "at least one", &"none");
        }
        if self.task.is_some() && !self.max_shapes.is_empty() {
            return fault("max_shapes", "none with a task, which sets the lengths itself", &"some");
        }
        Ok(())
    }

    /// Returns the labels of the classes: those of this file, else of `class_labels.json`, else of the ONNX file.
    ///
    /// # Errors
    /// Returns an error if none of them has any, or if they cannot be read.
    pub(crate) fn class_labels(&self, ctx: &LoadContext<OnnxSettings>, network: &Network) -> Result<ClassLabels> {
        if let Some(labels) = &self.labels {
            return Ok(labels.iter().cloned().collect());
        }
        match (ctx.class_labels(), network.property(class_names::PROPERTY)) {
            (Err(_), Some(names)) if ctx.file(ClassLabels::FILE).is_err() => {
                let names = class_names::parse(names).context("the property 'names' of the ONNX file");
                names.map(ClassLabels::from_iter).context("engine.json has no `labels`")
            }
            (labels, _) => labels.context("engine.json has no `labels`, so a file must have them"),
        }
    }

    /// Returns the labels of the classes before the model is loaded, if this file or else the ONNX file of a directory has
    /// them; those of `class_labels.json` everybody finds.
    pub(crate) fn labels_in(&self, dir: &Path, onnx_file: Option<PathBuf>) -> Option<Vec<String>> {
        if !matches!(self.task?, Task::ImageClassification | Task::ObjectDetection) {
            return None;
        }
        if self.labels.is_some() {
            return self.labels.clone();
        }
        let files = ModelFiles::new(dir);
        if files.file(ClassLabels::FILE).is_ok() {
            return None;
        }
        let onnx_file = match onnx_file {
            Some(file) => files.file(file),
            None => files.file("model.onnx").or_else(|_| files.only_file("onnx")),
        };
        let names = Onnx::read_property(&onnx_file.ok()?, class_names::PROPERTY).ok()??;
        class_names::parse(&names).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptions_of_the_readme_are_complete() {
        let readme = include_str!("../README.md");
        let blocks: Vec<&str> = readme.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert!(!blocks.is_empty());
        for block in blocks {
            for line in block.lines() {
                let file: EngineFile = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
                file.check().unwrap_or_else(|error| panic!("{line}: {error}"));
                assert!(file.task.is_some(), "{line}");
            }
        }
    }
}
