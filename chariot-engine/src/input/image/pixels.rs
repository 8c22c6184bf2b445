//! [`Pixels`]: the conversion of images to the numbers that a model reads.

use super::{
    color,
    contrast::Contrast,
    decoded::Image,
    fault::no_pixels,
    geometry::{Placement, Plan, Resize},
    options::{ChannelLayout, Filter, PerChannel},
    region::Region,
    resample,
    sample::Sample,
    turn::Turn,
    view::View,
};
use crate::error::{Error, Expected, Result};

/// The conversion of images to the numbers that a model reads: size, channels, range and order.
///
/// An image, or a [region](Self::region) of it, is converted to 8 bits per channel (or to [16](Self::sixteen_bits)), blended
/// with white where it is transparent, converted to gray or color, adjusted in [contrast](Self::contrast), and resized. Then
/// each value `v` (0 to 255) becomes `(v * scale - mean) / deviation`, by default a number from 0 to 1.
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
    is_deep: bool,
    is_upright: bool,
    region: Option<Region>,
    contrast: Contrast,
    /// The factor of each value, if it is not one over the largest.
    scale: Option<f32>,
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
            is_deep: false,
            is_upright: false,
            region: None,
            contrast: Contrast::default(),
            scale: None,
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

    /// Turns each image by its EXIF orientation, so that the model sees it upright. Default: as it is stored.
    ///
    /// The result is that of [`Image::upright`], within 1 of 255 where the image is resized, but only the numbers of the model
    /// are turned, not the image. Whatever is said about the image is still in its stored pixels, which callers measure boxes
    /// in: its size, its [region](Self::region), and what [`placement`](Self::placement) converts boxes, points and masks to.
    ///
    /// ```
    /// use chariot_engine::{Image, Pixels, input::image::ImageLimits};
    ///
    /// // 2 x 1 pixels, black and white, with orientation 6: the photograph of a phone that was held upright.
    /// let phone = Image::decode_base64(
    ///     "SUkqAAgAAAAJAAABAwABAAAAAgAAAAEBAwABAAAAAQAAAAIBAwABAAAACAAAAAMBAwABAAAAAQAAAAYBAwABAAAAAQAAABEBBAABAAAA\
    ///      egAAABIBAwABAAAABgAAABYBAwABAAAAAQAAABcBBAABAAAAAgAAAAAAAAAA/w==",
    ///     &ImageLimits::default(),
    /// )?;
    /// assert_eq!((phone.width(), phone.height()), (2, 1));
    /// let (pixels, mut numbers) = (Pixels::gray(1, 2).upright(), Vec::new());
    /// pixels.write(&phone, &mut numbers)?;
    /// assert_eq!(numbers, [0.0, 1.0]);
    /// // The lower half of what the model sees is the right half of the file.
    /// assert_eq!(pixels.placement(&phone).box_to_image([0.0, 1.0, 1.0, 2.0]), [1.0, 0.0, 2.0, 1.0]);
    /// # Ok::<(), chariot_engine::Error>(())
    /// ```
    pub fn upright(self) -> Self {
        Pixels { is_upright: true, ..self }
    }

    /// Converts only a region of each image. Default: the whole image.
    ///
    /// The result is that of an image which has been cropped to the region: no pixel outside of it has an effect. If the
    /// region is partly outside the image, the part within is at its position within the region, rounded to whole pixels of
    /// the model, and the rest is filled: with the `pad` of [`Resize::Fit`], or else with 0. [`placement`](Self::placement)
    /// converts to pixels of the whole image.
    ///
    /// ```
    /// use chariot_engine::{Image, Pixels, image::{DynamicImage, GrayImage}, input::image::Region};
    ///
    /// let image = GrayImage::from_vec(2, 2, vec![1, 2, 3, 4]).unwrap();
    /// let mut numbers = Vec::new();
    /// let pixels = Pixels::gray(2, 2).scale(1.0).region(Region::new(1, -1, 2, 2));
    /// pixels.write(&Image::from_dynamic(DynamicImage::from(image)), &mut numbers)?;
    /// assert_eq!(numbers, [0.0, 0.0, 2.0, 0.0]);
    /// # Ok::<(), chariot_engine::Error>(())
    /// ```
    pub fn region(self, region: Region) -> Self {
        Pixels { region: Some(region), ..self }
    }

    /// Keeps 16 bits per channel: values are from 0 to 65535, and the default [`scale`](Self::scale) is 1/65535. An image with
    /// 8 bits per channel has the same share of the range.
    ///
    /// With a scale of 1, numbers are the values of a file with 16 bits, without loss. Without `sixteen_bits`, such a file is
    /// reduced to 8 bits.
    ///
    /// ```
    /// use chariot_engine::{Image, Pixels, image::{DynamicImage, ImageBuffer, Luma}};
    ///
    /// let scan = ImageBuffer::<Luma<u16>, _>::from_vec(2, 1, vec![4095, 65535]).unwrap();
    /// let mut numbers = Vec::new();
    /// let pixels = Pixels::gray(2, 1).sixteen_bits().scale(1.0);
    /// pixels.write(&Image::from_dynamic(DynamicImage::from(scan)), &mut numbers)?;
    /// assert_eq!(numbers, [4095.0, 65535.0]);
    /// # Ok::<(), chariot_engine::Error>(())
    /// ```
    pub fn sixteen_bits(self) -> Self {
        Pixels { is_deep: true, ..self }
    }

    /// Sets the adjustment of the contrast, before the image is resized. Default: [`Contrast::Unchanged`].
    pub fn contrast(self, contrast: Contrast) -> Self {
        Pixels { contrast, ..self }
    }

    /// Sets the factor of each value, applied before the mean is subtracted.
    ///
    /// Default: one over the largest value, 1/255 (or 1/65535). Use 1 for models that read 0 to 255.
    pub fn scale(self, scale: f32) -> Self {
        Pixels { scale: Some(scale), ..self }
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

    /// Returns the position of an image within the size that the model reads, to convert boxes back to the image. A width or
    /// height of 0 is treated as 1.
    pub fn placement(&self, image: &Image) -> Placement {
        self.placement_of((image.width(), image.height()), self.turn_of(image))
    }

    /// Returns the position of an image of this size that is turned.
    pub(super) fn placement_of(&self, (width, height): (u32, u32), turn: Turn) -> Placement {
        let size = (width.max(1), height.max(1));
        self.plan(size, turn).placement(size, turn)
    }

    /// Returns the turn of an image before it is converted.
    pub(super) fn turn_of(&self, image: &Image) -> Turn {
        if self.is_upright { Turn::of(image.orientation) } else { Turn::default() }
    }

    /// Appends the numbers of one image: [`len`](Self::len) of them, in the order of [`shape`](Self::shape).
    ///
    /// # Errors
    /// Returns a rejection if the image has no pixels. Returns a failure, without appending anything, if mean or deviation
    /// has three numbers for gray, if a deviation is 0 or NaN, if the region is empty, if the contrast has numbers out of
    /// range, or if there is not enough memory.
    pub fn write(&self, image: &Image, into: &mut Vec<f32>) -> Result<()> {
        if self.is_deep { self.write_samples::<u16>(image, into) } else { self.write_samples::<u8>(image, into) }
    }

    fn write_samples<T: Sample>(&self, image: &Image, into: &mut Vec<f32>) -> Result<()> {
        let numbers = self.numbers::<T>()?;
        self.contrast.check()?;
        let from = (image.width(), image.height());
        if from.0 == 0 || from.1 == 0 {
            return Err(no_pixels(from.0, from.1).into());
        }
        if let Some(Region { width, height, .. }) = self.region
            && (width == 0 || height == 0)
        {
            let expected = Expected::new("at least 1 x 1 pixels", format!("{width} x {height}"));
            return Err(Error::from(format!("region: {expected}")));
        }
        if self.is_empty() {
            return Ok(());
        }
        into.try_reserve(self.len())?;
        let turn = self.turn_of(image);
        let (plan, size) = (self.plan(from, turn), (self.width, self.height));
        let pad = T::from_u8(if let Resize::Fit { pad } = self.resize { pad } else { 0 });
        let region = self.region_of(from);
        let windows = region.within(from).zip(turn.region(region, from).within(turn.size(from)));
        let Some((window, upright)) = windows.filter(|_| plan.is_visible) else {
            let all = vec![pad; size.0 as usize * size.1 as usize];
            self.append(&View::of(all, size, 1), &numbers, into);
            return Ok(());
        };
        let view = color::flatten::<T>(image.as_dynamic(), window, self.gray);
        // Equalization begins in a corner of the upright image, and copies the view anyway. All other steps are the same
        // whichever way an image stands, so the little that is left after them is turned.
        let (view, turn) = match self.contrast {
            Contrast::Clahe { .. } => (turn.apply(view), Turn::default()),
            _ => (view, turn),
        };
        let (_, _, inner_width, inner_height) = plan.target;
        let stored = (view.window.width.into(), view.window.height.into());
        let part = turn.part_back(plan.source_in(upright), stored);
        let inner = turn.size((inner_width, inner_height));
        let view = resample::resample(self.contrast.apply(view), part, inner, self.filter, turn)?;
        self.append(&resample::framed(turn.apply(view), &plan, size, pad), &numbers, into);
        Ok(())
    }

    /// Returns the region of an image of this size that is converted.
    fn region_of(&self, (width, height): (u32, u32)) -> Region {
        self.region.unwrap_or(Region::new(0, 0, width, height))
    }

    /// Plans the conversion of an image of this size, of which no side is 0, after its turn. Sides of 0 of the region or of
    /// the model are treated as 1.
    fn plan(&self, from: (u32, u32), turn: Turn) -> Plan {
        let region = self.region_of(from);
        let region = Region { width: region.width.max(1), height: region.height.max(1), ..region };
        let to = (self.width.max(1), self.height.max(1));
        Plan::of_region(self.resize, turn.region(region, from), turn.size(from), to)
    }

    fn channels(&self) -> usize {
        if self.gray { 1 } else { 3 }
    }

    /// Returns the number for each value, for each channel in the order of the model.
    fn numbers<T: Sample>(&self) -> Result<Vec<Vec<f32>>> {
        for (name, numbers) in [("mean", &self.mean), ("deviation", &self.deviation)] {
            if !numbers.fits(self.channels()) {
                return Err(Error::from(format!("{name}: {}", Expected::new("one number for gray pixels", "three"))));
            }
        }
        let scale = self.scale.map_or(1.0 / f64::from(T::MAX), f64::from);
        let mut all = Vec::with_capacity(self.channels());
        for channel in 0..self.channels() {
            let (mean, deviation) = (self.mean.get(channel), self.deviation.get(channel));
            if deviation == 0.0 || deviation.is_nan() {
                return Err(Error::from(format!("deviation: {}", Expected::new("a number other than 0", deviation))));
            }
            // The product is rounded only once, so that the default is exactly `v / 255`.
            let number = |value| ((f64::from(value) * scale) as f32 - mean) / deviation;
            all.push((0..=T::MAX).map(number).collect());
        }
        Ok(all)
    }

    fn append<T: Sample>(&self, view: &View<'_, T>, numbers: &[Vec<f32>], into: &mut Vec<f32>) {
        // The channel of the image for a channel of the model. A gray image has one for all.
        let from = |channel: usize| match view.channels {
            1 => 0,
            _ if self.bgr => 2 - channel,
            _ => channel,
        };
        match self.layout {
            ChannelLayout::First => {
                for (channel, numbers) in numbers.iter().enumerate() {
                    let from = from(channel);
                    for row in view.rows() {
                        let row = row.chunks_exact(view.channels);
                        into.extend(row.map(|pixel| numbers[usize::from(pixel[from].get())]));
                    }
                }
            }
            ChannelLayout::Last => {
                for pixel in view.rows().flat_map(|row| row.chunks_exact(view.channels)) {
                    let of = |(channel, numbers): (usize, &Vec<f32>)| numbers[usize::from(pixel[from(channel)].get())];
                    into.extend(numbers.iter().enumerate().map(of));
                }
            }
        }
    }
}
