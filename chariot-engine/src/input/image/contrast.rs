//! [`Contrast`]: adjusting the contrast of an image before it is resized. `Pixels` calls it.

use super::{clahe, sample::Sample, view::View};
use crate::error::{Error, Expected, Result};

/// The adjustment of an image's contrast: of each channel by itself, before the image is resized.
///
/// It is the argument of [`Pixels::contrast`](super::Pixels::contrast). Numbers are taken from the part of the image that is
/// converted: the whole of it, or its [region](super::Pixels::region). Tiles are adjusted one by one, so only
/// [`Contrast::Window`] treats all tiles of an image alike.
///
/// ```
/// use chariot_engine::{Image, Pixels, image::{DynamicImage, GrayImage}, input::image::Contrast};
///
/// let dark = GrayImage::from_vec(3, 1, vec![10, 15, 20]).unwrap();
/// let mut numbers = Vec::new();
/// let pixels = Pixels::gray(3, 1).contrast(Contrast::Percentiles { low: 0.0, high: 100.0 });
/// pixels.write(&Image::from_dynamic(DynamicImage::from(dark)), &mut numbers)?;
/// assert_eq!(numbers, [0.0, 128.0 / 255.0, 1.0]);
/// # Ok::<(), chariot_engine::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Contrast {
    /// The values of the image. The default.
    #[default]
    Unchanged,
    /// A window of values is stretched over the whole range. Values below it become 0, and values above it the largest
    /// value.
    Window {
        /// The value that becomes 0, from 0 to 255, or to 65535 with [`Pixels::sixteen_bits`](super::Pixels::sixteen_bits).
        low: f64,
        /// The value that becomes the largest one.
        high: f64,
    },
    /// The values between two percentiles are stretched over the whole range, as by scikit-image's `rescale_intensity` with
    /// NumPy's `percentile`, and rounded. A channel in which both percentiles are the same value does not change.
    Percentiles {
        /// The percentile that becomes 0, from 0 to 100.
        low: f64,
        /// The percentile that becomes the largest value, usually 98 or more.
        high: f64,
    },
    /// Contrast-limited adaptive histogram equalization, as by OpenCV's `createCLAHE(clip, (columns, rows))` applied to each
    /// channel, with the same values.
    Clahe {
        /// The limit of contrast: the most pixels of a value in a cell of the grid, as a multiple of their mean number.
        /// OpenCV's default is 40, and 2 to 4 are common. 0 does not limit the contrast.
        clip: f64,
        /// The number of cells in a row of the grid, from 1 to 16.
        columns: u32,
        /// The number of rows of the grid, from 1 to 16.
        rows: u32,
    },
}

impl Contrast {
    /// Rejects numbers that no image can be adjusted by.
    pub(super) fn check(self) -> Result<()> {
        let fault = |expected: Expected<&str, String>| Err(Error::from(format!("contrast: {expected}")));
        match self {
            Contrast::Window { low, high } if !(low < high && low.is_finite() && high.is_finite()) => {
                fault(Expected::new("a low value below the high one", format!("{low} and {high}")))
            }
            Contrast::Percentiles { low, high } if !(low < high && low >= 0.0 && high <= 100.0) => {
                fault(Expected::new("percentiles from 0 to 100 in order", format!("{low} and {high}")))
            }
            Contrast::Clahe { clip, .. } if !(0.0..=f64::from(u16::MAX)).contains(&clip) => {
                fault(Expected::new("a clip limit from 0 to 65535", clip.to_string()))
            }
            Contrast::Clahe { columns, rows, .. } if !(1..=16).contains(&columns) || !(1..=16).contains(&rows) => {
                fault(Expected::new("a grid from 1 x 1 to 16 x 16", format!("{columns} x {rows}")))
            }
            _ => Ok(()),
        }
    }

    /// Returns the view with its contrast adjusted. The numbers have been checked.
    pub(super) fn apply<T: Sample>(self, view: View<'_, T>) -> View<'_, T> {
        let (size, channels) = ((view.window.width, view.window.height), view.channels);
        let ranges: Vec<Option<(f64, f64)>> = match self {
            Contrast::Unchanged => return view,
            Contrast::Clahe { clip, columns, rows } => {
                let mut values = view.into_values();
                clahe::equalize(&mut values, size, channels, clip, (columns, rows));
                return View::of(values, size, channels);
            }
            Contrast::Window { low, high } => vec![Some((low, high)); channels],
            Contrast::Percentiles { low, high } => {
                let histograms = histograms(&view);
                let range = |counts: &Vec<u64>| (percentile(counts, low), percentile(counts, high));
                histograms.iter().map(range).map(|(low, high)| (low < high).then_some((low, high))).collect()
            }
        };
        let tables: Vec<Vec<T>> = ranges.into_iter().map(table).collect();
        let mut values = view.into_values();
        for pixel in values.chunks_exact_mut(channels) {
            for (value, table) in pixel.iter_mut().zip(&tables) {
                *value = table[usize::from(value.get())];
            }
        }
        View::of(values, size, channels)
    }
}

/// Returns the new value for each value, for a range that is stretched.
fn table<T: Sample>(range: Option<(f64, f64)>) -> Vec<T> {
    let max = f64::from(T::MAX);
    let stretched = |value: u16| match range {
        Some((low, high)) => {
            let share = ((f64::from(value) - low) / (high - low)).clamp(0.0, 1.0);
            T::from_u16((share * max).round_ties_even() as u16)
        }
        None => T::from_u16(value),
    };
    (0..=T::MAX).map(stretched).collect()
}

/// Returns how often each value occurs in each channel.
fn histograms<T: Sample>(view: &View<'_, T>) -> Vec<Vec<u64>> {
    let mut all = vec![vec![0; usize::from(T::MAX) + 1]; view.channels];
    for pixel in view.rows().flat_map(|row| row.chunks_exact(view.channels)) {
        for (value, counts) in pixel.iter().zip(&mut all) {
            counts[usize::from(value.get())] += 1;
        }
    }
    all
}

/// Returns a percentile of values that are counted, interpolated between the two values next to it.
fn percentile(counts: &[u64], percent: f64) -> f64 {
    let total: u64 = counts.iter().sum();
    let at = percent / 100.0 * total.saturating_sub(1) as f64;
    let ranked = |rank: u64| {
        let mut seen = 0;
        let value = counts.iter().position(|count| {
            seen += count;
            seen > rank
        });
        value.unwrap_or(0) as f64
    };
    let (lower, upper) = (ranked(at.floor() as u64), ranked(at.ceil() as u64));
    lower + (upper - lower) * at.fract()
}
