//! How a picture comes to the size that a model takes, and the way back for boxes. [`Pixels`](super::Pixels) calls it.

/// What happens to a picture whose proportions are not those that the model takes.
///
/// ```
/// use chariot_engine::{Pixels, Resize};
///
/// let pixels = Pixels::rgb(640, 640).resize(Resize::Fit { pad: 114 });
/// assert_eq!(pixels.placement(1280, 720).offset_y, 140.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Resize {
    /// It fills the size, its proportions change. The default.
    #[default]
    Stretch,
    /// It keeps its proportions and fits into the size, centred; the rest has the value `pad` (0 to 255) in every
    /// channel.
    Fit {
        /// The value of every channel beside the picture, from 0 to 255, before scale, mean and deviation.
        pad: u8,
    },
    /// It keeps its proportions and covers the size, centred; what stands over is cut off.
    Crop,
}

/// Where a picture lies within the size that the model takes: a point `x` of the picture is at `x * scale_x + offset_x`.
///
/// Points are counted from the upper left corner, not from the middle of the first pixel.
///
/// ```
/// use chariot_engine::{Pixels, Resize};
///
/// let placement = Pixels::rgb(100, 100).resize(Resize::Fit { pad: 0 }).placement(200, 100);
/// // A corner of a box, as the model found it, in pixels of the picture.
/// assert_eq!(placement.to_picture(50.0, 25.0), (100.0, 0.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// Pixels of the model for one of the picture, from left to right.
    pub scale_x: f32,
    /// Pixels of the model for one of the picture, from top to bottom.
    pub scale_y: f32,
    /// Where the picture's left edge lies, in pixels of the model; below 0 if it is cut off.
    pub offset_x: f32,
    /// Where the picture's upper edge lies, in pixels of the model; below 0 if it is cut off.
    pub offset_y: f32,
}

impl Placement {
    /// A point in pixels of the model as one in pixels of the picture. It is not clamped to the picture.
    pub fn to_picture(&self, x: f32, y: f32) -> (f32, f32) {
        ((x - self.offset_x) / self.scale_x, (y - self.offset_y) / self.scale_y)
    }

    /// A point in pixels of the picture as one in pixels of the model.
    pub fn to_model(&self, x: f32, y: f32) -> (f32, f32) {
        (x * self.scale_x + self.offset_x, y * self.scale_y + self.offset_y)
    }
}

/// Which part of a picture goes where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Plan {
    /// Left, top, width and height of what is taken of the picture.
    pub(super) taken: (f64, f64, f64, f64),
    /// Left, top, width and height of where it goes, in pixels of the model.
    pub(super) place: (u32, u32, u32, u32),
}

impl Plan {
    /// The plan for a picture of `from` and a model that takes `to`, each width and height and none of them 0.
    pub(super) fn new(resize: Resize, from: (u32, u32), to: (u32, u32)) -> Plan {
        let (width, height) = (f64::from(from.0), f64::from(from.1));
        let (to_width, to_height) = (f64::from(to.0), f64::from(to.1));
        let (across, down) = (to_width / width, to_height / height);
        let mut plan = Plan { taken: (0.0, 0.0, width, height), place: (0, 0, to.0, to.1) };
        match resize {
            Resize::Stretch => {}
            Resize::Fit { .. } => {
                let scale = across.min(down);
                let inner_width = ((width * scale).round() as u32).clamp(1, to.0);
                let inner_height = ((height * scale).round() as u32).clamp(1, to.1);
                plan.place = ((to.0 - inner_width) / 2, (to.1 - inner_height) / 2, inner_width, inner_height);
            }
            Resize::Crop => {
                let scale = across.max(down);
                let (part_width, part_height) = ((to_width / scale).min(width), (to_height / scale).min(height));
                plan.taken = ((width - part_width) / 2.0, (height - part_height) / 2.0, part_width, part_height);
            }
        }
        plan
    }

    pub(super) fn placement(&self) -> Placement {
        let (left, top, width, height) = self.taken;
        let (to_left, to_top, to_width, to_height) = self.place;
        let (scale_x, scale_y) = (f64::from(to_width) / width, f64::from(to_height) / height);
        Placement {
            scale_x: scale_x as f32,
            scale_y: scale_y as f32,
            offset_x: (f64::from(to_left) - left * scale_x) as f32,
            offset_y: (f64::from(to_top) - top * scale_y) as f32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pixels;

    #[test]
    fn a_placement_goes_there_and_back() {
        let cases = [
            (Resize::Stretch, (0.5, 2.0, 0.0, 0.0)),
            (Resize::Fit { pad: 0 }, (0.5, 0.5, 0.0, 75.0)),
            (Resize::Crop, (2.0, 2.0, -300.0, 0.0)),
        ];
        for (resize, (scale_x, scale_y, offset_x, offset_y)) in cases {
            let placement = Pixels::rgb(200, 200).resize(resize).placement(400, 100);
            assert_eq!(placement, Placement { scale_x, scale_y, offset_x, offset_y });
            let (x, y) = placement.to_model(200.0, 50.0);
            assert_eq!((x, y), (100.0, 100.0), "the middle stays in the middle");
            assert_eq!(placement.to_picture(x, y), (200.0, 50.0));
        }
    }

    #[test]
    fn what_is_taken_lies_within_the_picture_and_what_is_filled_within_the_size() {
        for (width, height) in [(1, 1), (1, 65535), (65535, 1), (333, 777), (1920, 1080)] {
            for (to_width, to_height) in [(1, 1), (7, 3), (224, 224), (1, 640)] {
                for resize in [Resize::Stretch, Resize::Fit { pad: 0 }, Resize::Crop] {
                    let plan = Plan::new(resize, (width, height), (to_width, to_height));
                    let (left, top, part_width, part_height) = plan.taken;
                    assert!(left >= 0.0 && left + part_width <= f64::from(width), "{plan:?}");
                    assert!(top >= 0.0 && top + part_height <= f64::from(height), "{plan:?}");
                    let (left, top, inner_width, inner_height) = plan.place;
                    assert!(inner_width > 0 && left + inner_width <= to_width, "{plan:?}");
                    assert!(inner_height > 0 && top + inner_height <= to_height, "{plan:?}");
                }
            }
        }
    }
}
