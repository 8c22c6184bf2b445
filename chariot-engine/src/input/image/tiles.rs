//! [`Tiles`] and [`Tile`]: an image in parts that overlap, for objects that are small in a large image. Authors call
//! [`Pixels::tiles`] in `infer`.

use super::{decoded::Image, fault::no_pixels, geometry::Placement, pixels::Pixels, region::Region, turn::Turn};
use crate::error::{Error, Expected, Result};

impl Pixels {
    /// Divides an image into tiles of `size` (width and height) that overlap by a share of their size, and converts each to
    /// the size that the model reads.
    ///
    /// The tiles are those of SAHI's `get_slice_bboxes`: row by row, at equal distances, and the last of a row or a column is
    /// moved back so that it ends with the image. An image smaller than a tile is one tile of its own size. Tiles are views:
    /// only one at a time is converted. They replace the [region](Self::region). With [`upright`](Self::upright) they are the
    /// tiles of the upright image.
    ///
    /// ```
    /// use chariot_engine::{Image, Pixels, Result};
    /// use chariot_engine::image::DynamicImage;
    /// use chariot_engine::tasks::{Detection, Detections, ClassLabels, Nms, Overlap, nms};
    ///
    /// # fn network(numbers: &[f32]) -> Result<Vec<Detection>> { Ok(vec![Detection::new(0, 0.9, [8.0, 8.0, 16.0, 16.0])]) }
    /// /// What `infer` of a detector returns for each image.
    /// fn detect(image: &Image, pixels: Pixels, labels: &ClassLabels) -> Result<Detections> {
    ///     let (mut numbers, mut found) = (Vec::new(), Vec::new());
    ///     for tile in pixels.tiles(image, (640, 640), 0.2)? {
    ///         numbers.clear();
    ///         tile.write(&mut numbers)?;
    ///         found.extend(network(&numbers)?.into_iter().map(|one| one.to_image(&tile.placement())));
    ///     }
    ///     // An object at the edge of two tiles is found twice, once or both times in part.
    ///     let kept = nms(found, Nms::new(0.5).overlap(Overlap::Smaller).most(1000))?;
    ///     Detections::new(kept, labels, (image.width(), image.height()))
    /// }
    ///
    /// let image = Image::from_dynamic(DynamicImage::new_rgb8(1500, 800));
    /// let labels = ["plane"].into_iter().collect();
    /// let output = detect(&image, Pixels::rgb(320, 320), &labels)?;
    /// // Three tiles in a row, and two in a column.
    /// assert_eq!(output.as_slice().len(), 6);
    /// # Ok::<(), chariot_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns a rejection if the image has no pixels. Returns a failure if a side of the tiles is 0, or if the overlap is not
    /// a number from 0 to less than 1.
    pub fn tiles(self, image: &Image, size: (u32, u32), overlap: f64) -> Result<Tiles<'_>> {
        let (width, height) = (image.width(), image.height());
        if width == 0 || height == 0 {
            return Err(no_pixels(width, height).into());
        }
        if size.0 == 0 || size.1 == 0 {
            let expected = Expected::new("at least 1 x 1 pixels", format!("{} x {}", size.0, size.1));
            return Err(Error::from(format!("tiles: {expected}")));
        }
        if !(0.0..1.0).contains(&overlap) {
            let expected = Expected::new("an overlap from 0 to less than 1", overlap);
            return Err(Error::from(format!("tiles: {expected}")));
        }
        let turn = self.turn_of(image);
        let (width, height) = turn.size((width, height));
        let (across, down) = (Axis::new(width, size.0, overlap), Axis::new(height, size.1, overlap));
        let count = u64::from(across.count) * u64::from(down.count);
        Ok(Tiles { pixels: self, image, turn, across, down, next: 0, count })
    }
}

/// The tiles of an image, row by row from the upper left. Created by [`Pixels::tiles`].
///
/// ```
/// use chariot_engine::{Image, Pixels, image::DynamicImage};
///
/// let image = Image::from_dynamic(DynamicImage::new_rgb8(1000, 640));
/// let tiles = Pixels::rgb(640, 640).tiles(&image, (640, 640), 0.2)?;
/// assert_eq!(tiles.map(|tile| tile.region().left).collect::<Vec<_>>(), [0, 360]);
/// # Ok::<(), chariot_engine::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tiles<'a> {
    pixels: Pixels,
    image: &'a Image,
    turn: Turn,
    across: Axis,
    down: Axis,
    next: u64,
    count: u64,
}

impl<'a> Iterator for Tiles<'a> {
    type Item = Tile<'a>;

    fn next(&mut self) -> Option<Tile<'a>> {
        if self.next == self.count {
            return None;
        }
        let (row, column) = (self.next / u64::from(self.across.count), self.next % u64::from(self.across.count));
        self.next += 1;
        let upright = Region {
            left: self.across.start(column).into(),
            top: self.down.start(row).into(),
            width: self.across.size,
            height: self.down.size,
        };
        let region = self.turn.region_back(upright, (self.image.width(), self.image.height()));
        Some(Tile { pixels: self.pixels.region(region), image: self.image, region })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.count - self.next);
        (left.unwrap_or(usize::MAX), left.ok())
    }
}

/// One part of an image that is converted by itself. An item of [`Tiles`].
///
/// ```
/// use chariot_engine::{Image, Pixels, image::DynamicImage};
///
/// let image = Image::from_dynamic(DynamicImage::new_rgb8(1000, 640));
/// let tile = Pixels::rgb(320, 320).tiles(&image, (640, 640), 0.2)?.last().unwrap();
/// let mut numbers = Vec::new();
/// tile.write(&mut numbers)?;
/// assert_eq!(numbers.len(), 3 * 320 * 320);
/// assert_eq!(tile.placement().box_to_image([0.0, 0.0, 10.0, 10.0]), [360.0, 0.0, 380.0, 20.0]);
/// # Ok::<(), chariot_engine::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Tile<'a> {
    pixels: Pixels,
    image: &'a Image,
    region: Region,
}

impl Tile<'_> {
    /// Returns the rectangle of the image, in stored pixels.
    pub fn region(&self) -> Region {
        self.region
    }

    /// Returns the position of the whole image within the size that the model reads, to convert boxes back to the image.
    pub fn placement(&self) -> Placement {
        self.pixels.placement(self.image)
    }

    /// Appends the numbers of the tile, as [`Pixels::write`] does.
    ///
    /// # Errors
    /// Returns the errors of [`Pixels::write`].
    pub fn write(&self, into: &mut Vec<f32>) -> Result<()> {
        self.pixels.write(self.image, into)
    }
}

/// The tiles along one side of an image.
#[derive(Clone, Copy, Debug)]
struct Axis {
    /// The length of a tile.
    size: u32,
    /// The distance between the starts of two tiles.
    step: u32,
    /// The start of the last tile.
    last: u32,
    count: u32,
}

impl Axis {
    /// Divides a side into tiles of this length. Both are greater than 0.
    fn new(side: u32, size: u32, overlap: f64) -> Self {
        let step = (size - (f64::from(size) * overlap) as u32).max(1);
        let size = size.min(side);
        let last = side - size;
        Axis { size, step, last, count: last.div_ceil(step) + 1 }
    }

    fn start(&self, index: u64) -> u32 {
        // The start of a tile before the last one is less than that of the last one.
        (index * u64::from(self.step)).min(self.last.into()) as u32
    }
}
