//! [`Sample`]: the 8 or 16 bits of one channel of a pixel. `View` holds them, and the steps of a conversion are generic over
//! them.

use std::fmt::Debug;

use ::image::DynamicImage;
use fast_image_resize::PixelType;

/// The value of one channel of a pixel: `u8` or `u16`.
pub(super) trait Sample: bytemuck::Pod + Debug + Default + Ord {
    /// The largest value.
    const MAX: u16;

    /// Converts a value that is at most [`MAX`](Self::MAX).
    fn from_u16(value: u16) -> Self;

    /// Converts a value from 0 to 255 to the same share of the range.
    fn from_u8(value: u8) -> Self;

    fn get(self) -> u16;

    /// Returns the type of pixels with one or three channels.
    fn pixel_type(channels: usize) -> PixelType;

    /// Returns the values of an image that has one channel of this type.
    fn of_gray(image: &DynamicImage) -> Option<&[Self]>;

    /// Returns the values of an image that has three channels of this type.
    fn of_color(image: &DynamicImage) -> Option<&[Self]>;

    /// Converts an image to one channel, or to two with alpha.
    fn to_gray(image: &DynamicImage, with_alpha: bool) -> Vec<Self>;

    /// Converts an image to three channels, or to four with alpha.
    fn to_color(image: &DynamicImage, with_alpha: bool) -> Vec<Self>;
}

impl Sample for u8 {
    const MAX: u16 = 255;

    fn from_u16(value: u16) -> u8 {
        value as u8
    }

    fn from_u8(value: u8) -> u8 {
        value
    }

    fn get(self) -> u16 {
        self.into()
    }

    fn pixel_type(channels: usize) -> PixelType {
        if channels == 1 { PixelType::U8 } else { PixelType::U8x3 }
    }

    fn of_gray(image: &DynamicImage) -> Option<&[u8]> {
        image.as_luma8().map(|pixels| &pixels.as_raw()[..])
    }

    fn of_color(image: &DynamicImage) -> Option<&[u8]> {
        image.as_rgb8().map(|pixels| &pixels.as_raw()[..])
    }

    fn to_gray(image: &DynamicImage, with_alpha: bool) -> Vec<u8> {
        if with_alpha { image.to_luma_alpha8().into_raw() } else { image.to_luma8().into_raw() }
    }

    fn to_color(image: &DynamicImage, with_alpha: bool) -> Vec<u8> {
        if with_alpha { image.to_rgba8().into_raw() } else { image.to_rgb8().into_raw() }
    }
}

impl Sample for u16 {
    const MAX: u16 = u16::MAX;

    fn from_u16(value: u16) -> u16 {
        value
    }

    fn from_u8(value: u8) -> u16 {
        u16::from(value) * 257
    }

    fn get(self) -> u16 {
        self
    }

    fn pixel_type(channels: usize) -> PixelType {
        if channels == 1 { PixelType::U16 } else { PixelType::U16x3 }
    }

    fn of_gray(image: &DynamicImage) -> Option<&[u16]> {
        image.as_luma16().map(|pixels| &pixels.as_raw()[..])
    }

    fn of_color(image: &DynamicImage) -> Option<&[u16]> {
        image.as_rgb16().map(|pixels| &pixels.as_raw()[..])
    }

    fn to_gray(image: &DynamicImage, with_alpha: bool) -> Vec<u16> {
        if with_alpha { image.to_luma_alpha16().into_raw() } else { image.to_luma16().into_raw() }
    }

    fn to_color(image: &DynamicImage, with_alpha: bool) -> Vec<u16> {
        if with_alpha { image.to_rgba16().into_raw() } else { image.to_rgb16().into_raw() }
    }
}
