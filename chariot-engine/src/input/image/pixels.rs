//! [`Pixels`]: the conversion of images to the numbers that a model reads.

use fast_image_resize as resizing;

use super::{
    color::{self, Flat},
    decoded::Image,
    fault::no_pixels,
    geometry::{Placement, Plan, Resize},
    options::{ChannelLayout, Filter, PerChannel},
};
use crate::error::{Error, Expected, Result};

/// The conversion of images to the numbers that a model reads: size, channels, range and order.
///
/// An image is converted to 8 bits per channel, blended with white where it is transparent, converted to gray or color,
/// and resized. Then each value `v` (0 to 255) becomes `(v * scale - mean) / deviation`, by default a number from 0 to 1.
///
/// Gray is `0.299 R + 0.587 G + 0.114 B` (Rec. 601, like Pillow's `L`), rounded. A gray image converted to color has the
/// same value in each channel.
///
/// ```
/// use chariot_engine::{Image, Pixels};
/// use chariot_engine::image::{DynamicImage, Rgb, RgbImage};
///
/// // The preprocessing of ImageNet models.
/// let pixels = Pixels::rgb(224, 224).mean([0.485, 0.456, 0.406]).deviation([0.229, 0.224, 0.225]);
/// assert_eq!(pixels.shape(8), [8, 3, 224, 224]);
///
/// let red = Image::from_dynamic(DynamicImage::ImageRgb8(RgbImage::from_pixel(640, 480, Rgb([255, 0, 0]))));
/// let mut numbers = Vec::new();
/// pixels.write(&red, &mut numbers)?;
/// assert_eq!(numbers.len(), pixels.len());
/// assert_eq!(numbers[0], (1.0 - 0.485) / 0.229);
/// # Ok::<(), chariot_engine::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Pixels {
    width: u32,
    height: u32,
    gray: bool,
    bgr: bool,
    scale: f64,
    mean: PerChannel,
    deviation: PerChannel,
    layout: ChannelLayout,
    resize: Resize,
    filter: Filter,
}

impl Pixels {
    /// Creates a conversion to one channel and `width` x `height` pixels.
    pub fn gray(width: u32, height: u32) -> Self {
        Pixels {
            width,
            height,
            gray: true,
            bgr: false,
            scale: 1.0 / 255.0,
            mean: 0.0.into(),
            deviation: 1.0.into(),
            layout: ChannelLayout::default(),
            resize: Resize::default(),
            filter: Filter::default(),
        }
    }

    /// Creates a conversion to three channels (red, green, blue) and `width` x `height` pixels.
    pub fn rgb(width: u32, height: u32) -> Self {
        Pixels { gray: false, ..Pixels::gray(width, height) }
    }

    /// Orders the channels blue, green, red, as in OpenCV. Has no effect on gray.
    pub fn bgr(self) -> Self {
        Pixels { bgr: true, ..self }
    }

    /// Sets the factor of each value from 0 to 255, applied before the mean is subtracted.
    ///
    /// Default: 1/255. Use 1 for models that read 0 to 255.
    pub fn scale(self, scale: f32) -> Self {
        Pixels { scale: f64::from(scale), ..self }
    }

    /// Sets the mean, which is subtracted from each value after scaling: one number, or one for each channel in the order
    /// of the model. Default: 0.
    pub fn mean(self, mean: impl Into<PerChannel>) -> Self {
        Pixels { mean: mean.into(), ..self }
    }

    /// Sets the standard deviation, which divides each value after the mean is subtracted: one number, or one for each
    /// channel in the order of the model. Default: 1.
    pub fn deviation(self, deviation: impl Into<PerChannel>) -> Self {
        Pixels { deviation: deviation.into(), ..self }
    }

    /// Sets the position of the channels among the dimensions. Default: [`ChannelLayout::First`].
    pub fn layout(self, layout: ChannelLayout) -> Self {
        Pixels { layout, ..self }
    }

    /// Sets the way to resize an image with another aspect ratio. Default: [`Resize::Stretch`].
    pub fn resize(self, resize: Resize) -> Self {
        Pixels { resize, ..self }
    }

    /// Sets the interpolation filter. Default: [`Filter::Bilinear`]. An image that already has the right size is not
    /// filtered.
    pub fn filter(self, filter: Filter) -> Self {
        Pixels { filter, ..self }
    }

    /// Returns the shape of `n` images: `[n, channels, height, width]`, or `[n, height, width, channels]` with
    /// [`ChannelLayout::Last`].
    pub fn shape(&self, n: usize) -> [usize; 4] {
        let (channels, height, width) = (self.channels(), self.height as usize, self.width as usize);
        match self.layout {
            ChannelLayout::First => [n, channels, height, width],
            ChannelLayout::Last => [n, height, width, channels],
        }
    }

    /// Returns the number of numbers that one image is converted to.
    pub fn len(&self) -> usize {
        (self.width as usize).saturating_mul(self.height as usize).saturating_mul(self.channels())
    }

    /// Returns `true` if an image is converted to no numbers, because width or height is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the position of an image of `width` x `height` pixels within the size that the model reads, to convert boxes
    /// back to the image. A width or height of 0 is treated as 1.
    pub fn placement(&self, width: u32, height: u32) -> Placement {
        let to = (self.width.max(1), self.height.max(1));
        Plan::new(self.resize, (width.max(1), height.max(1)), to).placement()
    }

    /// Appends the numbers of one image: [`len`](Self::len) of them, in the order of [`shape`](Self::shape).
    ///
    /// # Errors
    /// Returns a rejection if the image has no pixels. Returns a failure, without appending anything, if mean or deviation
    /// has three numbers for gray, if a deviation is 0 or NaN, or if there is not enough memory.
    pub fn write(&self, image: &Image, into: &mut Vec<f32>) -> Result<()> {
        let values = self.values()?;
        let (width, height) = (image.width(), image.height());
        if width == 0 || height == 0 {
            return Err(no_pixels(width, height).into());
        }
        if self.is_empty() {
            return Ok(());
        }
        into.try_reserve(self.len())?;
        let flat = color::flatten(image.as_dynamic(), self.gray);
        let flat =
            if (width, height) == (self.width, self.height) { flat } else { self.resized(&flat, width, height)? };
        self.append(&flat, &values, into);
        Ok(())
    }

    fn channels(&self) -> usize {
        if self.gray { 1 } else { 3 }
    }

    /// Returns the number for each of the 256 values, for each channel in the order of the model.
    fn values(&self) -> Result<Vec<[f32; 256]>> {
        for (name, numbers) in [("mean", &self.mean), ("deviation", &self.deviation)] {
            if !numbers.fits(self.channels()) {
                return Err(Error::from(format!("{name}: {}", Expected::new("one number for gray pixels", "three"))));
            }
        }
        let mut all = Vec::with_capacity(self.channels());
        for channel in 0..self.channels() {
            let (mean, deviation) = (self.mean.get(channel), self.deviation.get(channel));
            if deviation == 0.0 || deviation.is_nan() {
                return Err(Error::from(format!("deviation: {}", Expected::new("a number other than 0", deviation))));
            }
            // The product is rounded only once, so that the default is exactly `v / 255`.
            all.push(std::array::from_fn(|value| ((value as f64 * self.scale) as f32 - mean) / deviation));
        }
        Ok(all)
    }

    fn resized(&self, flat: &Flat<'_>, width: u32, height: u32) -> Result<Flat<'static>> {
        let plan = Plan::new(self.resize, (width, height), (self.width, self.height));
        let kind = if flat.channels == 1 { resizing::PixelType::U8 } else { resizing::PixelType::U8x3 };
        let source = resizing::images::ImageRef::new(width, height, &flat.values, kind)?;
        let (left, top, inner_width, inner_height) = plan.target;
        let mut inner = resizing::images::Image::new(inner_width, inner_height, kind);
        let (x, y, part_width, part_height) = plan.source;
        let options =
            resizing::ResizeOptions::new().resize_alg(self.filter.algorithm()).crop(x, y, part_width, part_height);
        resizing::Resizer::new().resize(&source, &mut inner, &options)?;
        let inner = inner.into_vec();
        let Resize::Fit { pad } = self.resize else {
            return Ok(Flat { values: inner.into(), channels: flat.channels });
        };

        let row = self.width as usize * flat.channels;
        let inner_row = inner_width as usize * flat.channels;
        let mut values = vec![pad; row * self.height as usize];
        let rows = values.chunks_exact_mut(row).skip(top as usize);
        for (to, from) in rows.zip(inner.chunks_exact(inner_row)) {
            to[left as usize * flat.channels..][..inner_row].copy_from_slice(from);
        }
        Ok(Flat { values: values.into(), channels: flat.channels })
    }

    fn append(&self, flat: &Flat<'_>, values: &[[f32; 256]], into: &mut Vec<f32>) {
        // The channel of the image for a channel of the model. A gray image has one for all.
        let from = |channel: usize| match flat.channels {
            1 => 0,
            _ if self.bgr => 2 - channel,
            _ => channel,
        };
        let pixels = flat.values.chunks_exact(flat.channels);
        match self.layout {
            ChannelLayout::First => {
                for (channel, values) in values.iter().enumerate() {
                    let from = from(channel);
                    into.extend(pixels.clone().map(|pixel| values[usize::from(pixel[from])]));
                }
            }
            ChannelLayout::Last => {
                for pixel in pixels {
                    into.extend(
                        values.iter().enumerate().map(|(channel, values)| values[usize::from(pixel[from(channel)])]),
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ::image::{DynamicImage, GrayAlphaImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage, RgbaImage};

    use super::*;

    fn gray(width: u32, height: u32, values: &[u8]) -> Image {
        DynamicImage::from(GrayImage::from_raw(width, height, values.to_vec()).unwrap()).into()
    }

    /// Four pixels: red, green / blue, white.
    fn colors() -> Image {
        let values = vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255];
        DynamicImage::from(RgbImage::from_raw(2, 2, values).unwrap()).into()
    }

    fn numbers(pixels: Pixels, image: &Image) -> Vec<f32> {
        let mut numbers = Vec::new();
        pixels.write(image, &mut numbers).unwrap();
        assert_eq!(numbers.len(), pixels.len());
        numbers
    }

    /// Converts with a scale of 1, so that the numbers are the values.
    fn values(pixels: Pixels, image: &Image) -> Vec<f32> {
        numbers(pixels.scale(1.0), image)
    }

    #[test]
    fn values_are_from_0_to_1_by_default() {
        let image = gray(2, 2, &[0, 51, 128, 255]);
        assert_eq!(numbers(Pixels::gray(2, 2), &image), [0.0, 0.2, 128.0 / 255.0, 1.0]);
    }

    #[test]
    fn channels_are_ordered_by_the_layout() {
        let first = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0];
        let last = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let pixels = Pixels::rgb(2, 2);
        assert_eq!(numbers(pixels, &colors()), first);
        assert_eq!(numbers(pixels.layout(ChannelLayout::Last), &colors()), last);
        let [red, green, blue] = [&first[..4], &first[4..8], &first[8..]];
        assert_eq!(numbers(pixels.bgr(), &colors()), [blue, green, red].concat());
    }

    #[test]
    fn mean_and_deviation_apply_to_the_channels_of_the_model() {
        let pixels = Pixels::rgb(1, 1).mean([0.5, 0.25, 0.0]).deviation([0.5, 0.25, 2.0]);
        let image = DynamicImage::from(RgbImage::from_pixel(1, 1, Rgb([255, 0, 0]))).into();
        assert_eq!(numbers(pixels, &image), [1.0, -1.0, 0.0]);
        assert_eq!(numbers(pixels.bgr(), &image), [-1.0, -1.0, 0.5]);
        assert_eq!(numbers(Pixels::rgb(1, 1).scale(1.0).mean(127.5).deviation(127.5), &image), [1.0, -1.0, -1.0]);
    }

    #[test]
    fn colour_and_gray_are_converted_to_each_other() {
        assert_eq!(values(Pixels::gray(2, 2), &colors()), [76.0, 150.0, 29.0, 255.0]);
        assert_eq!(values(Pixels::rgb(2, 1), &gray(2, 1, &[7, 9])), [7.0, 9.0, 7.0, 9.0, 7.0, 9.0]);
    }

    #[test]
    fn transparent_pixels_are_blended_with_white() {
        let image = RgbaImage::from_raw(3, 1, vec![10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 255, 128]).unwrap();
        let image = DynamicImage::from(image).into();
        let expected = [10.0, 20.0, 30.0, 255.0, 255.0, 255.0, 127.0, 127.0, 255.0];
        assert_eq!(values(Pixels::rgb(3, 1).layout(ChannelLayout::Last), &image), expected);
        let image = GrayAlphaImage::from_raw(2, 1, vec![10, 255, 10, 0]).unwrap();
        assert_eq!(values(Pixels::gray(2, 1), &DynamicImage::from(image).into()), [10.0, 255.0]);
    }

    #[test]
    fn images_with_more_bits_are_reduced_to_8() {
        let image = ImageBuffer::<Luma<u16>, _>::from_raw(2, 1, vec![0xffff, 0x8080]).unwrap();
        assert_eq!(values(Pixels::gray(2, 1), &DynamicImage::from(image).into()), [255.0, 128.0]);
        let image = ImageBuffer::<Rgb<f32>, _>::from_raw(1, 1, vec![2.0, 0.5, f32::NAN]).unwrap();
        let values = values(Pixels::rgb(1, 1), &DynamicImage::from(image).into());
        assert_eq!(values[..2], [255.0, 128.0]);
    }

    #[test]
    fn an_image_is_stretched_to_the_size() {
        let image = gray(4, 2, &[0, 0, 200, 200, 0, 0, 200, 200]);
        assert_eq!(values(Pixels::gray(2, 2).filter(Filter::Nearest), &image), [0.0, 200.0, 0.0, 200.0]);
        for filter in [Filter::Nearest, Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
            let flat = DynamicImage::from(RgbImage::from_pixel(7, 5, Rgb([9, 90, 190]))).into();
            let values = values(Pixels::rgb(16, 3).filter(filter), &flat);
            assert_eq!(values, [[9.0; 48], [90.0; 48], [190.0; 48]].concat(), "{filter:?}");
        }
        // Every pixel of a chessboard contributes when it shrinks to one.
        assert_eq!(values(Pixels::gray(1, 1), &gray(2, 2, &[0, 200, 200, 0])), [100.0]);
    }

    #[test]
    fn an_image_that_fits_is_padded_and_centred() {
        let pixels = Pixels::gray(4, 4).resize(Resize::Fit { pad: 7 });
        let wide = values(pixels, &gray(4, 2, &[50; 8]));
        assert_eq!(wide, [[7.0; 4], [50.0; 4], [50.0; 4], [7.0; 4]].concat());
        let high = values(pixels, &gray(1, 2, &[50; 2]));
        assert_eq!(high, [7.0, 50.0, 50.0, 7.0].repeat(4));
        // A line of one pixel does not vanish.
        let line = values(pixels, &gray(100, 1, &[50; 100]));
        assert_eq!(line.iter().filter(|value| **value == 50.0).count(), 4);
        let color = DynamicImage::from(RgbImage::from_pixel(2, 1, Rgb([1, 2, 3]))).into();
        let values = values(Pixels::rgb(2, 3).resize(Resize::Fit { pad: 0 }), &color);
        assert_eq!(values, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 3.0, 3.0, 0.0, 0.0]);
    }

    #[test]
    fn a_cropped_image_loses_its_sides() {
        let image = gray(4, 2, &[1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(values(Pixels::gray(2, 2).resize(Resize::Crop), &image), [2.0, 3.0, 6.0, 7.0]);
        let image = gray(1, 4, &[1, 2, 3, 4]);
        assert_eq!(values(Pixels::gray(1, 2).resize(Resize::Crop), &image), [2.0, 3.0]);
        for (width, height) in [(3, 1000), (1000, 3), (333, 777), (1, 1)] {
            let image = gray(width, height, &vec![5; (width * height) as usize]);
            assert_eq!(values(Pixels::gray(7, 3).resize(Resize::Crop), &image), [5.0; 21], "{width} x {height}");
        }
    }

    #[test]
    fn images_are_appended() {
        let mut numbers = vec![0.5];
        let pixels = Pixels::gray(1, 1);
        for value in [0, 255] {
            pixels.write(&gray(1, 1, &[value]), &mut numbers).unwrap();
        }
        assert_eq!(numbers, [0.5, 0.0, 1.0]);
    }

    #[test]
    fn an_image_without_pixels_is_rejected_and_invalid_options_are_a_failure() {
        let mut numbers = Vec::new();
        let empty = Image::from_dynamic(DynamicImage::new_rgb8(0, 3));
        let error = Pixels::rgb(2, 2).write(&empty, &mut numbers).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Rejected);
        let huge = Pixels::rgb(u32::MAX, u32::MAX);
        for wrong in [Pixels::gray(2, 2).mean([0.1, 0.2, 0.3]), Pixels::rgb(2, 2).deviation(0.0), huge] {
            let error = wrong.write(&colors(), &mut numbers).unwrap_err();
            assert_eq!(error.public_message(), None);
        }
        let nothing = Pixels::rgb(0, 4);
        assert!(nothing.is_empty() && nothing.write(&colors(), &mut numbers).is_ok() && numbers.is_empty());
        assert_eq!(nothing.placement(4, 4), Pixels::rgb(1, 4).placement(4, 4));
    }
}
