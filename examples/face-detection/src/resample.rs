//! Resizing of a part of an image as PyTorch's mode `area`, with which the networks were trained. `cascade` calls it.
//!
//! A pixel of the result is the plain mean of all pixels that it touches. The SDK's filter `Area` weighs those at the edge
//! by their share, which moves small faces by some pixels.

use chariot_engine::{Image, Pixels, Result, input::image::Region};

/// Appends a region within an image, resized to `width` x `height` pixels, with the numbers that the networks read: three
/// planes, from -1 to 1.
///
/// # Errors
/// Returns an error if the region is empty, or if there is not enough memory.
pub(crate) fn resample(image: &Image, region: Region, (width, height): (u32, u32), into: &mut Vec<f32>) -> Result<()> {
    let start = into.len();
    let plane = width as usize * height as usize;
    into.try_reserve(3 * plane)?;
    into.resize(start + 3 * plane, 0.0);
    let columns: Vec<(usize, usize)> = (0..width).map(|x| touched(x, width, region.width)).collect();
    let (mut numbers, mut sums) = (Vec::new(), vec![0.0; region.width as usize]);
    for y in 0..height {
        // The rows that become one, at their own size: a large image is never held as numbers.
        let (first, end) = touched(y, height, region.height);
        let rows = end - first;
        let strip = Region::new(region.left, region.top + first as i64, region.width, rows as u32);
        numbers.clear();
        let pixels = Pixels::rgb(strip.width, strip.height).scale(1.0).mean(127.5).deviation(128.0);
        pixels.region(strip).write(image, &mut numbers)?;
        for (channel, strip) in numbers.chunks_exact(rows * sums.len()).enumerate() {
            sums.fill(0.0);
            for row in strip.chunks_exact(sums.len()) {
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
            let at = start + channel * plane + y as usize * width as usize;
            for (mean, &(first, end)) in into[at..].iter_mut().zip(&columns) {
                *mean = sums[first..end].iter().sum::<f32>() / (rows * (end - first)) as f32;
            }
        }
    }
    Ok(())
}

/// Returns the first of `from` pixels that the pixel `index` of `to` touches, and the one after the last.
fn touched(index: u32, to: u32, from: u32) -> (usize, usize) {
    let (index, to, from) = (u64::from(index), u64::from(to), u64::from(from));
    ((index * from / to) as usize, ((index + 1) * from).div_ceil(to) as usize)
}
