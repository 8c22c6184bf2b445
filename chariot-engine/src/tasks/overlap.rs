//! [`Overlap`]: how much two boxes overlap, axis-aligned or rotated. `nms` and `merge` compare boxes with it.

use smallvec::SmallVec;

/// The measure of the overlap of two boxes, from 0 (none) to 1.
///
/// ```
/// use chariot_engine::tasks::{Detection, Nms, Overlap, nms};
///
/// // Half of a car, at the edge of a tile, and the whole car.
/// let half = Detection::new(0, 0.6, [0.0, 0.0, 10.0, 10.0]);
/// let whole = Detection::new(0, 0.9, [0.0, 0.0, 40.0, 10.0]);
/// let found = vec![half, whole];
/// assert_eq!(nms(found.clone(), Nms::new(0.5))?.len(), 2);
/// assert_eq!(nms(found, Nms::new(0.5).overlap(Overlap::Smaller))?.len(), 1);
/// # Ok::<(), chariot_engine::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overlap {
    /// The area of the intersection over that of the union (IoU). The default.
    #[default]
    Union,
    /// The area of the intersection over that of the smaller box (SAHI's IOS): 1 for a box within another one. For parts of
    /// one object in several tiles.
    Smaller,
}

impl Overlap {
    /// Returns the overlap from three areas. Boxes without an area overlap nothing.
    fn of(self, both: f64, one: f64, other: f64) -> f64 {
        let whole = match self {
            Overlap::Union => one + other - both,
            Overlap::Smaller => one.min(other),
        };
        if whole > 0.0 { both / whole } else { 0.0 }
    }
}

/// The outline of a box, in a form that is compared quickly. All numbers are finite.
pub trait Shape: Clone {
    /// Returns the overlap with another shape.
    fn overlap(&self, other: &Self, measure: Overlap) -> f64;
}

/// An axis-aligned box.
#[derive(Clone, Copy, Debug)]
pub struct Upright {
    xmin: f64,
    ymin: f64,
    xmax: f64,
    ymax: f64,
}

impl Upright {
    pub(super) fn new(edges: [f32; 4]) -> Self {
        let [xmin, ymin, xmax, ymax] = edges.map(f64::from);
        Upright { xmin, ymin, xmax, ymax }
    }

    /// Returns the edges, which all come from boxes.
    pub(super) fn edges(&self) -> [f32; 4] {
        [self.xmin, self.ymin, self.xmax, self.ymax].map(|edge| edge as f32)
    }

    /// Returns the smallest box that contains both.
    pub(super) fn union(&self, other: &Self) -> Self {
        Upright {
            xmin: self.xmin.min(other.xmin),
            ymin: self.ymin.min(other.ymin),
            xmax: self.xmax.max(other.xmax),
            ymax: self.ymax.max(other.ymax),
        }
    }

    fn area(&self) -> f64 {
        (self.xmax - self.xmin) * (self.ymax - self.ymin)
    }
}

impl Shape for Upright {
    fn overlap(&self, other: &Self, measure: Overlap) -> f64 {
        let width = self.xmax.min(other.xmax) - self.xmin.max(other.xmin);
        let height = self.ymax.min(other.ymax) - self.ymin.max(other.ymin);
        if width <= 0.0 || height <= 0.0 {
            return 0.0;
        }
        measure.of(width * height, self.area(), other.area())
    }
}

/// A rotated box.
#[derive(Clone, Copy, Debug)]
pub struct Rotated {
    center: [f64; 2],
    /// Half of a side, as a vector, and half of the other side.
    halves: [[f64; 2]; 2],
    area: f64,
    /// The radius of the circle around the box.
    radius: f64,
}

impl Rotated {
    /// Creates the box from its center, its sides and its angle in radians.
    pub(super) fn new(center: [f32; 2], [w, h]: [f32; 2], r: f32) -> Self {
        let (w, h) = (f64::from(w), f64::from(h));
        let (sine, cosine) = f64::from(r).sin_cos();
        Rotated {
            center: center.map(f64::from),
            halves: [[w / 2.0 * cosine, w / 2.0 * sine], [-h / 2.0 * sine, h / 2.0 * cosine]],
            area: w * h,
            radius: w.hypot(h) / 2.0,
        }
    }

    /// Returns the corners in order, relative to a point.
    fn corners(&self, origin: [f64; 2]) -> [[f64; 2]; 4] {
        let [[wx, wy], [hx, hy]] = self.halves;
        let (x, y) = (self.center[0] - origin[0], self.center[1] - origin[1]);
        [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]].map(|[w, h]| [x + w * wx + h * hx, y + w * wy + h * hy])
    }
}

impl Shape for Rotated {
    fn overlap(&self, other: &Self, measure: Overlap) -> f64 {
        let [x, y] = [0, 1].map(|axis| self.center[axis] - other.center[axis]);
        // Squares, as most boxes are far apart, and a square root takes longer than all of this.
        if x * x + y * y >= (self.radius + other.radius).powi(2) {
            return 0.0;
        }
        // Relative to one of the boxes, so that their distance from the origin costs no digits.
        let both = intersection(self.corners(self.center), other.corners(self.center));
        measure.of(both.min(self.area).min(other.area), self.area, other.area)
    }
}

/// The most corners of the intersection of two quadrangles: each edge that cuts adds one at most.
const CORNERS: usize = 8;

/// Returns the area of the intersection of two convex quadrangles, whose corners go around in the same direction: the second
/// is cut along each edge of the first (Sutherland and Hodgman).
fn intersection(one: [[f64; 2]; 4], other: [[f64; 2]; 4]) -> f64 {
    let mut corners: SmallVec<[[f64; 2]; CORNERS]> = other.into_iter().collect();
    for edge in 0..4 {
        let (from, to) = (one[edge], one[(edge + 1) % 4]);
        // Positive on the inner side, as the corners go around counterclockwise where y points up.
        let side =
            |point: [f64; 2]| cross([to[0] - from[0], to[1] - from[1]], [point[0] - from[0], point[1] - from[1]]);
        let uncut = std::mem::take(&mut corners);
        for (index, &point) in uncut.iter().enumerate() {
            let next = uncut[(index + 1) % uncut.len()];
            let (here, there) = (side(point), side(next));
            if here >= 0.0 {
                corners.push(point);
            }
            if (here > 0.0 && there < 0.0) || (here < 0.0 && there > 0.0) {
                let share = here / (here - there);
                corners.push([point[0] + (next[0] - point[0]) * share, point[1] + (next[1] - point[1]) * share]);
            }
        }
    }
    let twice: f64 = (0..corners.len()).map(|at| cross(corners[at], corners[(at + 1) % corners.len()])).sum();
    (twice / 2.0).max(0.0)
}

fn cross(a: [f64; 2], b: [f64; 2]) -> f64 {
    a[0] * b[1] - a[1] * b[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_boxes_overlap_by_their_common_area() {
        let of = |one: [f32; 5], other: [f32; 5], measure| {
            let shape = |[x, y, w, h, r]: [f32; 5]| Rotated::new([x, y], [w, h], r);
            let (there, back) =
                (shape(one).overlap(&shape(other), measure), shape(other).overlap(&shape(one), measure));
            assert!((there - back).abs() < 1e-9, "{one:?} {other:?}");
            there
        };
        let quarter = std::f32::consts::FRAC_PI_4;
        let close = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-6, "{value} {expected}");
        // A square and itself turned by 45 degrees have a regular octagon in common.
        let octagon = 2.0 * (2_f64.sqrt() - 1.0);
        close(of([5.0, 5.0, 2.0, 2.0, 0.0], [5.0, 5.0, 2.0, 2.0, quarter], Overlap::Smaller), octagon);
        close(of([5.0, 5.0, 2.0, 2.0, 0.0], [5.0, 5.0, 2.0, 2.0, quarter], Overlap::Union), octagon / (2.0 - octagon));
        // A box has the same outline after half a turn, and after a quarter with its sides exchanged.
        close(of([1e6, -1e6, 40.0, 10.0, 0.3], [1e6, -1e6, 40.0, 10.0, 0.3 + 4.0 * quarter], Overlap::Union), 1.0);
        close(of([0.0, 0.0, 40.0, 10.0, 0.3], [0.0, 0.0, 10.0, 40.0, 0.3 + 2.0 * quarter], Overlap::Union), 1.0);
        close(of([0.0, 0.0, 4.0, 4.0, 0.0], [0.5, 0.0, 1.0, 1.0, 1.0], Overlap::Smaller), 1.0);
        // Boxes that touch, and boxes without an area, have nothing in common.
        for other in [[4.0, 0.0, 4.0, 4.0, 0.0], [0.0, 0.0, 0.0, 4.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]] {
            close(of([0.0, 0.0, 4.0, 4.0, 0.0], other, Overlap::Union), 0.0);
            close(of(other, other, Overlap::Smaller), if other[2] > 0.0 { 1.0 } else { 0.0 });
        }
        let most = f32::MAX;
        assert!(of([most, -most, most, most, 1.0], [most, most, most, most, 2.0], Overlap::Union).is_finite());
    }
}
