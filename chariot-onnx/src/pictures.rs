//! [`Pictures`], images as the input of a network. The classifier and the detector use it.

use chariot_engine::{
    image::DynamicImage,
    input::image::{ChannelLayout, Resize},
    model::{Dim, TensorSpec},
    onnx::{OnnxInput, OnnxSession},
    prelude::*,
    protocol::DataType,
};

use crate::{
    engine_file::ImageOptions,
    message::expected,
    network::{Network, Numbers, batch_limit},
};

/// The most tiles in a call, as the activations of more take more memory than time.
const MOST_OF_A_CALL: usize = 8;

/// The conversion of images to the input of a network.
pub(crate) struct Pictures {
    input: String,
    pub(crate) pixels: Pixels,
    size: (u32, u32),
    /// The number of images in a call, if the file fixes it.
    limit: Option<usize>,
}

impl Pictures {
    /// Reads the size and the channels from the declaration of the input: `[n, 3, height, width]` or `[n, height, width, 3]`,
    /// with 1 in place of 3 for gray.
    pub(crate) fn new(input: &TensorSpec, options: &ImageOptions, resize: Resize) -> Result<Self> {
        Self::of(input, options, resize).context(format!("input '{}'", input.name()))
    }

    fn of(input: &TensorSpec, options: &ImageOptions, resize: Resize) -> Result<Self> {
        if input.datatype() != DataType::Fp32 {
            return Err(expected("numbers of type FP32", input.datatype()));
        }
        let shape: Vec<Option<usize>> =
            input.shape().iter().map(|dim| if let Dim::Fixed(length) = dim { Some(*length) } else { None }).collect();
        let (channels, layout, height, width) = match shape[..] {
            [_, Some(channels @ (1 | 3)), height, width] => (channels, ChannelLayout::First, height, width),
            [_, height, width, Some(channels @ (1 | 3))] => (channels, ChannelLayout::Last, height, width),
            _ => {
                let got = format_args!("{:?}", input.metadata().shape);
                let what = "images of shape [n, 3, height, width] or [n, height, width, 3], or with 1 channel";
                return Err(expected(what, got));
            }
        };
        let side = |name: &str, of_file: Option<usize>, given: Option<u32>| match (of_file, given) {
            (Some(length), Some(given)) if length != given as usize => {
                let what = format!("image.{name} of {length}, as in the file");
                Err(expected(what, given))
            }
            (Some(length), _) => Ok(u32::try_from(length)?),
            (None, Some(given)) if given > 0 => Ok(given),
            (None, _) => {
                let what = format!("`image.{name}` in engine.json, as the file leaves it open");
                Err(expected(what, "none"))
            }
        };
        let size = (side("width", width, options.width)?, side("height", height, options.height)?);
        let pixels = options.pixels(size, channels == 1, layout, resize);
        Ok(Pictures { input: input.name().to_owned(), pixels, size, limit: batch_limit(input) })
    }

    /// Runs the network on images, in as many calls as it takes, and maps the output for each image: its index, the shape
    /// without the number of images, and the numbers.
    pub(crate) fn run<O>(
        &self,
        network: &Network,
        session: &mut OnnxSession,
        images: &[impl AsRef<Image>],
        dimensions: &[usize],
        mut map: impl FnMut(usize, &[usize], &[f32]) -> Result<O>,
    ) -> Result<Vec<O>> {
        let mut outputs = Vec::with_capacity(images.len());
        for images in images.chunks(self.limit.unwrap_or(images.len()).max(1)) {
            let write = |image: &_, into: &mut _| self.pixels.write(AsRef::as_ref(image), into);
            let add = |_: &_, shape: &[usize], values: &[f32]| {
                outputs.push(map(outputs.len(), shape, values)?);
                Ok(())
            };
            self.call(network, session, images, write, dimensions, add)?;
        }
        Ok(outputs)
    }

    /// Returns the most images or tiles of a call.
    pub(crate) fn limit(&self) -> usize {
        self.limit.unwrap_or(MOST_OF_A_CALL).max(1)
    }

    /// Runs the network once, on images or tiles of which `write` appends the numbers, and gives the output for each to
    /// `read`: the shape without the number of images, and the numbers.
    pub(crate) fn call<T>(
        &self,
        network: &Network,
        session: &mut OnnxSession,
        parts: &[T],
        write: impl Fn(&T, &mut Vec<f32>) -> Result<()>,
        dimensions: &[usize],
        mut read: impl FnMut(&T, &[usize], &[f32]) -> Result<()>,
    ) -> Result<()> {
        // A file of a fixed number of images gets empty ones for those that lack.
        let count = self.limit.unwrap_or(parts.len());
        let mut values = Vec::with_capacity(count * self.pixels.len());
        for part in parts {
            write(part, &mut values)?;
        }
        values.resize(count * self.pixels.len(), 0.0);
        let shape = self.pixels.shape(count);
        let Numbers { shape, values } =
            network.run(session, &[(&self.input, OnnxInput::new(&shape, &values))], dimensions)?;
        let each = match shape.split_first() {
            Some((of, each)) if *of == count => each,
            _ => {
                let what = format!("an output for each of {count} images");
                return Err(expected(what, format_args!("shape {shape:?}")));
            }
        };
        let length = values.len() / count.max(1);
        for (index, part) in parts.iter().enumerate() {
            read(part, each, &values[index * length..][..length])?;
        }
        Ok(())
    }

    /// Returns the width and the height that the model reads.
    pub(crate) fn size(&self) -> (u32, u32) {
        self.size
    }

    /// Runs the network on black images, and returns the shape of the output for one. If the file leaves their number open,
    /// there are two.
    pub(crate) fn try_out(
        &self,
        network: &Network,
        session: &mut OnnxSession,
        dimensions: &[usize],
    ) -> Result<Vec<usize>> {
        let black = DynamicImage::new_rgb8(8, 8);
        let images = vec![Image::from_dynamic(black); self.limit.map_or(2, |limit| limit.min(2))];
        let mut shapes = self.run(network, session, &images, dimensions, |_, shape, _| Ok(shape.to_vec()))?;
        shapes.pop().ok_or_else(|| expected("an output", "none"))
    }
}
