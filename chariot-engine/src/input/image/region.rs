//! [`Region`]: a rectangle of an image. `Pixels` converts a region, and tiles are regions.

use super::view::Window;
use crate::error::{Error, Expected, Result};

/// A rectangle of whole pixels of an image, which can also lie partly or entirely outside of it.
///
/// It is the argument of [`Pixels::region`](super::Pixels::region), and in stored pixels, whatever the orientation of the image.
///
/// ```
/// use chariot_engine::{Image, Pixels, image::DynamicImage, input::image::Region};
///
/// // The lower right quarter of an image of 640 x 480 pixels.
/// let pixels = Pixels::rgb(224, 224).region(Region::new(320, 240, 320, 240));
/// let image = Image::from_dynamic(DynamicImage::new_rgb8(640, 480));
/// assert_eq!(pixels.placement(&image).to_image(0.0, 0.0), (320.0, 240.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// The position of the left edge. Negative if it is left of the image.
    pub left: i64,
    /// The position of the upper edge. Negative if it is above the image.
    pub top: i64,
    /// The width.
    pub width: u32,
    /// The height.
    pub height: u32,
}

impl Region {
    /// Creates a region from the position of its upper left corner and its size.
    pub const fn new(left: i64, top: i64, width: u32, height: u32) -> Self {
        Region { left, top, width, height }
    }

    /// Returns the smallest region of whole pixels that contains a box `[xmin, ymin, xmax, ymax]`, for a second model that
    /// looks at what a detector has found.
    ///
    /// ```
    /// use chariot_engine::input::image::Region;
    ///
    /// let face = Region::around([10.5, 20.0, 29.25, 60.0])?;
    /// assert_eq!(face, Region::new(10, 20, 20, 40));
    /// # Ok::<(), chariot_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if a number is not finite, if an edge is beyond the opposite one, or if the box is larger than any
    /// image.
    pub fn around(edges: [f32; 4]) -> Result<Self> {
        let side = |name: &str, from: f32, to: f32| -> Result<(i64, u32)> {
            let length = f64::from(to).ceil() - f64::from(from).floor();
            if !(0.0..=f64::from(u32::MAX)).contains(&length) {
                let expected = Expected::new("edges in order and finite", format!("{from} and {to}"));
                return Err(Error::from(format!("region: {name}: {expected}")));
            }
            // A box without a width still touches a pixel.
            Ok((from.floor() as i64, (length as u32).max(1)))
        };
        let [xmin, ymin, xmax, ymax] = edges;
        let ((left, width), (top, height)) = (side("x", xmin, xmax)?, side("y", ymin, ymax)?);
        Ok(Region { left, top, width, height })
    }

    /// Returns the part within an image of this size, or `None` if all of the region is outside.
    pub(super) fn within(self, (width, height): (u32, u32)) -> Option<Window> {
        let side = |start: i64, length: u32, of: u32| {
            let from = start.clamp(0, of.into());
            let to = start.saturating_add(length.into()).clamp(0, of.into());
            // Both are at most `of`.
            (to > from).then_some((from as u32, (to - from) as u32))
        };
        let ((left, width), (top, height)) =
            (side(self.left, self.width, width)?, side(self.top, self.height, height)?);
        Some(Window { left, top, width, height })
    }
}
