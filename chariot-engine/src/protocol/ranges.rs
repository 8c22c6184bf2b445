//! Where the elements of a BYTES tensor stand: a list that grows without being copied. [`Texts`](super::texts::Texts)
//! holds it.

use std::ops::Index;

/// A range of bytes: where it starts, and where it ends.
type Range = (u32, u32);

/// How many ranges a block holds, but for the first ones: 64 KiB of them.
const BLOCK: usize = 8192;

/// Ranges of bytes, in blocks: a request decides how many there are, and a vector would be there twice each time it grows.
#[derive(Clone, Default)]
pub(super) struct Ranges {
    /// The only block of most tensors.
    first: Vec<Range>,
    /// The others, each full but the last.
    rest: Vec<Vec<Range>>,
}

impl Ranges {
    pub(super) fn len(&self) -> usize {
        match self.rest.split_last() {
            None => self.first.len(),
            Some((last, full)) => (1 + full.len()) * BLOCK + last.len(),
        }
    }

    pub(super) fn push(&mut self, range: Range) {
        if self.first.len() < BLOCK {
            self.first.push(range);
            return;
        }
        match self.rest.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(range),
            _ => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(range);
                self.rest.push(block);
            }
        }
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
        Ranges { first: vec![only], rest: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_found_again_in_order() {
        for count in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 7] {
            let mut ranges = Ranges::default();
            (0..count as u32).for_each(|at| ranges.push((at, at + 1)));
            assert_eq!(ranges.len(), count);
            assert!(ranges.iter().copied().eq((0..count as u32).map(|at| (at, at + 1))));
            assert!(
                (0..count).all(|at| ranges[at] == (at as u32, at as u32 + 1) && ranges.get(at) == Some(&ranges[at]))
            );
            assert_eq!(ranges.get(count), None);
        }
    }
}
