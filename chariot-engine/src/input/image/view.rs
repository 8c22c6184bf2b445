//! [`View`]: a part of an image with 8 or 16 bits per channel, gray or color, which is borrowed as long as nothing changes
//! it. `color` makes it, and the steps of a conversion take it.

use std::borrow::Cow;

use super::sample::Sample;

/// A rectangle of whole pixels within an image: left, top, width and height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// A window of pixels that are stored row by row, with one channel (gray) or three (red, green, blue).
pub(super) struct View<'a, T: Sample> {
    values: Cow<'a, [T]>,
    /// The width of a stored row, in pixels.
    stored_width: u32,
    pub(super) window: Window,
    pub(super) channels: usize,
}

impl<'a, T: Sample> View<'a, T> {
    /// Creates a view of a window of stored pixels.
    pub(super) fn new(values: impl Into<Cow<'a, [T]>>, stored_width: u32, window: Window, channels: usize) -> Self {
        View { values: values.into(), stored_width, window, channels }
    }

    /// Creates a view of all of these pixels.
    pub(super) fn of(values: Vec<T>, (width, height): (u32, u32), channels: usize) -> Self {
        View::new(values, width, Window { left: 0, top: 0, width, height }, channels)
    }

    /// Returns all stored values, of which the window is a part.
    pub(super) fn stored(&self) -> (&[T], u32) {
        (&self.values, self.stored_width)
    }

    /// Returns a row of the window.
    pub(super) fn row(&self, y: usize) -> &[T] {
        let start = (self.window.top as usize + y) * self.stored_width as usize + self.window.left as usize;
        &self.values[start * self.channels..][..self.window.width as usize * self.channels]
    }

    /// Returns the rows of the window.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[T]> + Clone {
        let Window { left, top, width, height } = self.window;
        let start = left as usize * self.channels;
        let length = width as usize * self.channels;
        let stored_rows = self.values.chunks_exact((self.stored_width as usize * self.channels).max(1));
        stored_rows.skip(top as usize).take(height as usize).map(move |row| &row[start..start + length])
    }

    /// Returns the values of the window row by row, copied unless they are owned already.
    pub(super) fn into_values(self) -> Vec<T> {
        let length = self.window.width as usize * self.window.height as usize * self.channels;
        match self.values {
            Cow::Owned(values) if values.len() == length => values,
            _ => {
                let mut values = Vec::with_capacity(length);
                self.rows().for_each(|row| values.extend_from_slice(row));
                values
            }
        }
    }
}
