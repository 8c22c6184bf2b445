//! [`Turn`]: the way from the stored pixels of an image to the upright image, by its EXIF orientation, and back. `Pixels` and
//! its tiles turn by it, and a `Placement` turns back.

use ::image::metadata::Orientation;

use super::{region::Region, sample::Sample, view::View};

/// A rotation by quarter turns, mirrored or not. By default nothing is turned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    /// Set if left and right change places.
    pub(super) mirrors_x: bool,
    /// Set if top and bottom change places.
    pub(super) mirrors_y: bool,
    /// Set if rows then become columns.
    pub(super) swaps: bool,
}

impl Turn {
    /// Returns the turn that makes an image of this orientation upright.
    pub(super) fn of(orientation: Orientation) -> Self {
        let (mirrors_x, mirrors_y, swaps) = match orientation {
            Orientation::NoTransforms => (false, false, false),
            Orientation::FlipHorizontal => (true, false, false),
            Orientation::Rotate180 => (true, true, false),
            Orientation::FlipVertical => (false, true, false),
            Orientation::Rotate90FlipH => (false, false, true),
            Orientation::Rotate90 => (false, true, true),
            Orientation::Rotate270FlipH => (true, true, true),
            Orientation::Rotate270 => (true, false, true),
        };
        Turn { mirrors_x, mirrors_y, swaps }
    }

    /// Returns the size of the upright image for that of the stored one, or the other way round.
    pub(super) fn size<T>(self, (width, height): (T, T)) -> (T, T) {
        if self.swaps { (height, width) } else { (width, height) }
    }

    /// Returns a point of the upright image, from one of an image of this stored size.
    pub(super) fn point(self, (x, y): (f64, f64), (width, height): (f64, f64)) -> (f64, f64) {
        self.size((if self.mirrors_x { width - x } else { x }, if self.mirrors_y { height - y } else { y }))
    }

    /// Returns a point of an image of this stored size, from one of the upright image.
    pub(super) fn point_back(self, point: (f64, f64), (width, height): (f64, f64)) -> (f64, f64) {
        let (x, y) = self.size(point);
        (if self.mirrors_x { width - x } else { x }, if self.mirrors_y { height - y } else { y })
    }

    /// Returns the region of the upright image, from one of an image of this stored size.
    pub(super) fn region(self, region: Region, size: (u32, u32)) -> Region {
        let Region { left, top, width, height } = self.mirrored(region, size);
        let ((left, top), (width, height)) = (self.size((left, top)), self.size((width, height)));
        Region { left, top, width, height }
    }

    /// Returns the region of an image of this stored size, from one of the upright image.
    pub(super) fn region_back(self, region: Region, size: (u32, u32)) -> Region {
        let ((left, top), (width, height)) =
            (self.size((region.left, region.top)), self.size((region.width, region.height)));
        self.mirrored(Region { left, top, width, height }, size)
    }

    fn mirrored(self, region: Region, (width, height): (u32, u32)) -> Region {
        let side = |start: i64, length: u32, of: u32| i64::from(of).saturating_sub(start).saturating_sub(length.into());
        Region {
            left: if self.mirrors_x { side(region.left, region.width, width) } else { region.left },
            top: if self.mirrors_y { side(region.top, region.height, height) } else { region.top },
            ..region
        }
    }

    /// Returns left, top, width and height of a part of an image of this stored size, from those within the upright image.
    pub(super) fn part_back(
        self,
        (left, top, width, height): (f64, f64, f64, f64),
        (of_width, of_height): (f64, f64),
    ) -> (f64, f64, f64, f64) {
        let ((left, top), (width, height)) = (self.size((left, top)), self.size((width, height)));
        // Rounding must not lead out of the image.
        let mirrored = |start: f64, length: f64, of: f64| (of - start - length).max(0.0);
        let left = if self.mirrors_x { mirrored(left, width, of_width) } else { left };
        let top = if self.mirrors_y { mirrored(top, height, of_height) } else { top };
        (left, top, width.min(of_width - left), height.min(of_height - top))
    }

    /// Returns the window of a view, upright. Nothing is copied if nothing is turned.
    pub(super) fn apply<T: Sample>(self, view: View<'_, T>) -> View<'_, T> {
        if self == Turn::default() {
            return view;
        }
        let (width, height, channels) = (view.window.width as usize, view.window.height as usize, view.channels);
        let column = |x: usize| if self.mirrors_x { width - 1 - x } else { x };
        let row = |y: usize| view.row(if self.mirrors_y { height - 1 - y } else { y });
        let mut values = Vec::with_capacity(width * height * channels);
        let mut push = |x: usize, row: &[T]| values.extend_from_slice(&row[column(x) * channels..][..channels]);
        if self.swaps {
            (0..width).for_each(|x| (0..height).for_each(|y| push(x, row(y))));
        } else {
            (0..height).map(row).for_each(|row| (0..width).for_each(|x| push(x, row)));
        }
        View::of(values, self.size((view.window.width, view.window.height)), channels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_and_regions_lead_there_and_back() {
        let size = (30, 20);
        for number in 1..=8 {
            let turn = Turn::of(Orientation::from_exif(number).unwrap());
            let region = Region::new(4, -3, 7, 11);
            assert_eq!(turn.region_back(turn.region(region, size), size), region, "{number}");
            let (upright, sides) = (turn.point((4.0, -3.0), (30.0, 20.0)), (30.0, 20.0));
            assert_eq!(turn.point_back(upright, sides), (4.0, -3.0), "{number}");
            // A region lies between the points of its corners.
            let other = turn.point((11.0, 8.0), sides);
            let turned = turn.region(region, size);
            assert_eq!((turned.left as f64, turned.top as f64), (upright.0.min(other.0), upright.1.min(other.1)));
            assert_eq!((turned.width, turned.height), turn.size((7, 11)));
        }
    }
}
