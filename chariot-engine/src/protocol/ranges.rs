//! The ranges of the elements of a BYTES tensor: a list that grows without a copy.
//! [`BytesData`](super::bytes_data::BytesData) holds it.

use std::ops::Index;

use smallvec::{SmallVec, smallvec};

use super::meter::block;

/// A range of bytes: its start and its end.
type Range = (u32, u32);

/// The number of ranges in a block, which takes 64 KiB.
const BLOCK: usize = 8192;

/// Ranges of bytes, in blocks. A request decides their number, and a vector needs its memory twice whenever it grows.
#[derive(Clone, Default)]
pub struct Ranges {
    /// The only block of most tensors. An item of `chariot-v2` has one range, which takes no allocation.
    first: SmallVec<[Range; 1]>,
    /// The other blocks, all full except the last.
    rest: Vec<Vec<Range>>,
}

impl Ranges {
    pub(super) fn len(&self) -> usize {
        match self.rest.split_last() {
            None => self.first.len(),
            Some((last, full)) => (1 + full.len()) * BLOCK + last.len(),
        }
    }

    /// Returns the memory of the ranges in bytes.
    pub(super) fn memory(&self) -> usize {
        let first = if self.first.spilled() { block(self.first.capacity() * size_of::<Range>()) } else { 0 };
        let rest = self.rest.len() * block(BLOCK * size_of::<Range>());
        first + rest + self.rest.capacity() * size_of::<Vec<Range>>()
    }

    /// Adds a range; `reserve` is called before memory is taken.
    pub(super) fn push<E>(&mut self, range: Range, reserve: impl FnOnce(usize) -> Result<(), E>) -> Result<(), E> {
        if self.first.len() < BLOCK {
            let length = self.first.len();
            if length == self.first.capacity() {
                let more = length.max(3);
                // What is in place moves into the first allocation too.
                let moved = if self.first.spilled() { 0 } else { length };
                reserve((more + moved) * size_of::<Range>())?;
                self.first.reserve_exact(more);
            }
            self.first.push(range);
            return Ok(());
        }
        match self.rest.last_mut() {
            Some(last) if last.len() < BLOCK => last.push(range),
            _ => {
                reserve(block(BLOCK * size_of::<Range>()) + 2 * size_of::<Vec<Range>>())?;
                let mut last = Vec::with_capacity(BLOCK);
                last.push(range);
                self.rest.push(last);
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, index: usize) -> Option<&Range> {
        match index.checked_sub(BLOCK) {
            None => self.first.get(index),
            Some(beyond) => self.rest.get(beyond / BLOCK)?.get(beyond % BLOCK),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Range> + Clone {
        self.first.iter().chain(self.rest.iter().flatten())
    }
}

impl Index<usize> for Ranges {
    type Output = Range;

    fn index(&self, index: usize) -> &Range {
        match index.checked_sub(BLOCK) {
            None => &self.first[index],
            Some(beyond) => &self.rest[beyond / BLOCK][beyond % BLOCK],
        }
    }
}

impl From<Range> for Ranges {
    fn from(only: Range) -> Self {
        Ranges { first: smallvec![only], rest: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_kept_in_order() {
        for count in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 7] {
            let mut ranges = Ranges::default();
            (0..count as u32).for_each(|at| ranges.push((at, at + 1), |_| Ok::<_, ()>(())).unwrap());
            assert_eq!(ranges.len(), count);
            assert!(ranges.iter().copied().eq((0..count as u32).map(|at| (at, at + 1))));
            assert!(
                (0..count).all(|at| ranges[at] == (at as u32, at as u32 + 1) && ranges.get(at) == Some(&ranges[at]))
            );
            assert_eq!(ranges.get(count), None);
        }
    }
}
