//! Resizing of an image, or of a region of it, to the size that a model reads, and the way back for boxes. `Pixels` plans
//! with it, and the tasks' detections are placed by it.

use super::{region::Region, turn::Turn, view::Window};

/// The way to resize an image whose aspect ratio is not the one that the model reads.
///
/// ```
/// use chariot_engine::{Image, Pixels, image::DynamicImage, input::image::Resize};
///
/// let pixels = Pixels::rgb(640, 640).resize(Resize::Fit { pad: 114 });
/// let image = Image::from_dynamic(DynamicImage::new_rgb8(1280, 720));
/// assert_eq!(pixels.placement(&image).offset_y, 140.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resize {
    /// The image fills the size and is distorted. The default.
    #[default]
    Stretch,
    /// The image keeps its aspect ratio and fits into the size, centred. The rest is filled with `pad` (letterboxing).
    Fit {
        /// The value of every channel outside the image, from 0 to 255, before scale, mean and deviation are applied.
        pad: u8,
    },
    /// The image keeps its aspect ratio and covers the size, centred. The parts outside the size are cut off.
    Crop,
}

/// The position of an image within the size that the model reads: a point `x` of the image is at
/// `x * scale_x + offset_x`. It is the same for a region or a tile of an image: points are those of the whole image.
///
/// Points of the image are in its stored pixels, which callers measure boxes in, whatever the orientation of the image. After
/// [`Pixels::upright`](super::Pixels::upright), scales and offsets are those of the upright image, and the methods turn points
/// too.
///
/// The origin is the upper left corner, not the centre of the first pixel.
///
/// ```
/// use chariot_engine::{Image, Pixels, image::DynamicImage, input::image::Resize};
///
/// let image = Image::from_dynamic(DynamicImage::new_rgb8(200, 100));
/// let placement = Pixels::rgb(100, 100).resize(Resize::Fit { pad: 0 }).placement(&image);
/// // Converts the corner of a box from the model's pixels to those of the image.
/// assert_eq!(placement.to_image(50.0, 25.0), (100.0, 0.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Placement {
    /// The horizontal scale: pixels of the model per pixel of the image.
    pub scale_x: f32,
    /// The vertical scale: pixels of the model per pixel of the image.
    pub scale_y: f32,
    /// The position of the image's left edge, in pixels of the model. Negative if it is cut off.
    pub offset_x: f32,
    /// The position of the image's upper edge, in pixels of the model. Negative if it is cut off.
    pub offset_y: f32,
    /// The turn of the image before it is placed.
    pub(super) turn: Turn,
    /// The size of the image before it is turned.
    pub(super) size: (u32, u32),
}

impl Placement {
    /// Creates the placement of an image of this stored size that is turned and not resized.
    pub(super) fn of_upright(size: (u32, u32), turn: Turn) -> Self {
        Placement { scale_x: 1.0, scale_y: 1.0, offset_x: 0.0, offset_y: 0.0, turn, size }
    }

    /// Converts a point from pixels of the model to pixels of the image. The result is not clamped to the image.
    pub fn to_image(&self, x: f32, y: f32) -> (f32, f32) {
        let back = |at, offset, scale| (f64::from(at) - f64::from(offset)) / f64::from(scale);
        let upright = (back(x, self.offset_x, self.scale_x), back(y, self.offset_y, self.scale_y));
        let (x, y) = self.turn.point_back(upright, self.sides());
        (x as f32, y as f32)
    }

    /// Converts a point from pixels of the image to pixels of the model.
    pub fn to_model(&self, x: f32, y: f32) -> (f32, f32) {
        let (x, y) = self.turn.point((x.into(), y.into()), self.sides());
        let there = |at, offset, scale| (at * f64::from(scale) + f64::from(offset)) as f32;
        (there(x, self.offset_x, self.scale_x), there(y, self.offset_y, self.scale_y))
    }

    /// Converts a box `[xmin, ymin, xmax, ymax]` from pixels of the model to pixels of the image. The result is not clamped
    /// to the image.
    ///
    /// ```
    /// use chariot_engine::{Image, Pixels, image::DynamicImage, input::image::Resize};
    ///
    /// let image = Image::from_dynamic(DynamicImage::new_rgb8(200, 100));
    /// let placement = Pixels::rgb(100, 100).resize(Resize::Fit { pad: 0 }).placement(&image);
    /// assert_eq!(placement.box_to_image([10.0, 35.0, 20.0, 45.0]), [20.0, 20.0, 40.0, 40.0]);
    /// ```
    pub fn box_to_image(&self, [xmin, ymin, xmax, ymax]: [f32; 4]) -> [f32; 4] {
        let (first, second) = (self.to_image(xmin, ymin), self.to_image(xmax, ymax));
        edges(first, second, (self.turn.mirrors_x, self.turn.mirrors_y))
    }

    /// Converts a box `[xmin, ymin, xmax, ymax]` from pixels of the image to pixels of the model.
    pub fn box_to_model(&self, [xmin, ymin, xmax, ymax]: [f32; 4]) -> [f32; 4] {
        let (first, second) = (self.to_model(xmin, ymin), self.to_model(xmax, ymax));
        edges(first, second, self.turn.size((self.turn.mirrors_x, self.turn.mirrors_y)))
    }

    /// Converts a distance from pixels of the model to pixels of the image.
    pub(crate) fn distance_to_image(&self, x: f64, y: f64) -> (f64, f64) {
        let (x, y) = self.turn.size((x / f64::from(self.scale_x), y / f64::from(self.scale_y)));
        (if self.turn.mirrors_x { -x } else { x }, if self.turn.mirrors_y { -y } else { y })
    }

    /// Returns `true` if the columns of the image are the rows of the model.
    pub(crate) fn swaps(&self) -> bool {
        self.turn.swaps
    }

    fn sides(&self) -> (f64, f64) {
        (self.size.0.into(), self.size.1.into())
    }
}

/// Returns the edges of a box from two corners, of which the second is left of the first one, or above it, if that axis is
/// mirrored.
fn edges(first: (f32, f32), second: (f32, f32), (mirrors_x, mirrors_y): (bool, bool)) -> [f32; 4] {
    let ordered = |first, second, is_mirrored| if is_mirrored { (second, first) } else { (first, second) };
    let (xmin, xmax) = ordered(first.0, second.0, mirrors_x);
    let (ymin, ymax) = ordered(first.1, second.1, mirrors_y);
    [xmin, ymin, xmax, ymax]
}

/// The part of an image that is used, and its position within the size of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Plan {
    /// Left, top, width and height of the used part of the image.
    pub(super) source: (f64, f64, f64, f64),
    /// Left, top, width and height of its position, in pixels of the model.
    pub(super) target: (u32, u32, u32, u32),
    /// Set if the used part has pixels of the image. Otherwise source and target are those of the region.
    pub(super) is_visible: bool,
}

impl Plan {
    /// Plans the resizing of a region of an image to size `to`. Region and size are not empty.
    ///
    /// Uses only the part of the region within the image, at its position within the region, rounded to whole pixels of the
    /// model.
    pub(super) fn of_region(resize: Resize, region: Region, image: (u32, u32), to: (u32, u32)) -> Plan {
        let mut plan = Plan::new(resize, (region.width, region.height), to);
        let (left, top, width, height) = plan.source;
        let (left, top) = (left + region.left as f64, top + region.top as f64);
        plan.source = (left, top, width, height);
        let across = clip((left, width), image.0, (plan.target.0, plan.target.2));
        let down = clip((top, height), image.1, (plan.target.1, plan.target.3));
        match (across, down) {
            (Some(((left, width), (to_left, to_width))), Some(((top, height), (to_top, to_height)))) => Plan {
                source: (left, top, width, height),
                target: (to_left, to_top, to_width, to_height),
                is_visible: true,
            },
            _ => Plan { is_visible: false, ..plan },
        }
    }

    /// Plans the resizing of an image of size `from` to size `to`. Both are width and height, and greater than 0.
    fn new(resize: Resize, from: (u32, u32), to: (u32, u32)) -> Plan {
        let (width, height) = (f64::from(from.0), f64::from(from.1));
        let (to_width, to_height) = (f64::from(to.0), f64::from(to.1));
        let (across, down) = (to_width / width, to_height / height);
        let mut plan = Plan { source: (0.0, 0.0, width, height), target: (0, 0, to.0, to.1), is_visible: true };
        match resize {
            Resize::Stretch => {}
            Resize::Fit { .. } => {
                let scale = across.min(down);
                let inner_width = ((width * scale).round() as u32).clamp(1, to.0);
                let inner_height = ((height * scale).round() as u32).clamp(1, to.1);
                plan.target = ((to.0 - inner_width) / 2, (to.1 - inner_height) / 2, inner_width, inner_height);
            }
            Resize::Crop => {
                let scale = across.max(down);
                let (part_width, part_height) = ((to_width / scale).min(width), (to_height / scale).min(height));
                plan.source = ((width - part_width) / 2.0, (height - part_height) / 2.0, part_width, part_height);
            }
        }
        plan
    }

    /// Returns the position of the whole image, whose stored size is turned before it is placed.
    pub(super) fn placement(&self, size: (u32, u32), turn: Turn) -> Placement {
        let (left, top, width, height) = self.source;
        let (to_left, to_top, to_width, to_height) = self.target;
        let (scale_x, scale_y) = (f64::from(to_width) / width, f64::from(to_height) / height);
        Placement {
            scale_x: scale_x as f32,
            scale_y: scale_y as f32,
            offset_x: (f64::from(to_left) - left * scale_x) as f32,
            offset_y: (f64::from(to_top) - top * scale_y) as f32,
            turn,
            size,
        }
    }

    /// Returns the used part of the image relative to the window that is stored. The window has all of it.
    pub(super) fn source_in(&self, window: Window) -> (f64, f64, f64, f64) {
        let (left, top, width, height) = self.source;
        let side = |start: f64, length: f64, of_window: u32, most: u32| {
            let start = (start - f64::from(of_window)).max(0.0);
            (start, length.min(f64::from(most) - start))
        };
        let (left, width) = side(left, width, window.left, window.width);
        let (top, height) = side(top, height, window.top, window.height);
        (left, top, width, height)
    }
}

/// A start and a length in the image, and those in the model.
type Clipped = ((f64, f64), (u32, u32));

/// Clips a start and a length to an image with `most` pixels, and the target in proportion. Returns `None` if nothing is left
/// of either.
fn clip((start, length): (f64, f64), most: u32, target: (u32, u32)) -> Option<Clipped> {
    let (from, to) = (start.max(0.0), (start + length).min(f64::from(most)));
    if from >= to {
        return None;
    }
    if (from, to) == (start, start + length) {
        return Some(((start, length), target));
    }
    let scale = f64::from(target.1) / length;
    let at = |point: f64| (((point - start) * scale).round() as u32).min(target.1);
    let (first, last) = (at(from), at(to));
    (last > first).then_some(((from, to - from), (target.0 + first, last - first)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placement_converts_points_both_ways() {
        let cases = [
            (Resize::Stretch, (0.5, 2.0, 0.0, 0.0)),
            (Resize::Fit { pad: 0 }, (0.5, 0.5, 0.0, 75.0)),
            (Resize::Crop, (2.0, 2.0, -300.0, 0.0)),
        ];
        for (resize, (scale_x, scale_y, offset_x, offset_y)) in cases {
            let region = Region::new(0, 0, 400, 100);
            let plan = Plan::of_region(resize, region, (400, 100), (200, 200));
            let placement = plan.placement((400, 100), Turn::default());
            let Placement { scale_x: across, scale_y: down, offset_x: left, offset_y: top, .. } = placement;
            assert_eq!((across, down, left, top), (scale_x, scale_y, offset_x, offset_y));
            let (x, y) = placement.to_model(200.0, 50.0);
            assert_eq!((x, y), (100.0, 100.0), "the centre stays in the centre");
            assert_eq!(placement.to_image(x, y), (200.0, 50.0));
        }
    }

    #[test]
    fn the_source_lies_within_the_image_and_the_target_within_the_size() {
        for (width, height) in [(1, 1), (1, 65535), (65535, 1), (333, 777), (1920, 1080)] {
            for (left, top) in [(0, 0), (-1, 500), (700, -5), (i64::MIN, i64::MAX)] {
                for (to_width, to_height) in [(1, 1), (7, 3), (224, 224), (1, 640)] {
                    for resize in [Resize::Stretch, Resize::Fit { pad: 0 }, Resize::Crop] {
                        let region = Region::new(left, top, width, height);
                        let plan = Plan::of_region(resize, region, (1000, 700), (to_width, to_height));
                        let Some(window) = region.within((1000, 700)).filter(|_| plan.is_visible) else { continue };
                        let (left, top, part_width, part_height) = plan.source_in(window);
                        assert!(left >= 0.0 && left + part_width <= f64::from(window.width), "{plan:?}");
                        assert!(top >= 0.0 && top + part_height <= f64::from(window.height), "{plan:?}");
                        let (left, top, inner_width, inner_height) = plan.target;
                        assert!(inner_width > 0 && left + inner_width <= to_width, "{plan:?}");
                        assert!(inner_height > 0 && top + inner_height <= to_height, "{plan:?}");
                    }
                }
            }
        }
    }
}
