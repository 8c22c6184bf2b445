//! [`Component`] and [`Scan`]: parts of a JPEG file as its headers describe them. `head` reads them, and `decode` asks them.

use std::collections::HashSet;

/// One component (channel) of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Horizontal and vertical sampling factor, 1 to 4 each.
    pub(super) factors: (u8, u8),
}

/// Width, height and components of a frame.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) progressive: bool,
    pub(super) components: Vec<Component>,
}

impl Frame {
    /// Returns the largest sampling factors of all components.
    pub(super) fn max_factors(&self) -> (u8, u8) {
        let max = |axis: fn(&Component) -> u8| self.components.iter().map(axis).max().unwrap_or(1);
        (max(|component| component.factors.0), max(|component| component.factors.1))
    }

    /// Returns the number of blocks of a component that is alone in a scan, horizontally and vertically.
    pub(super) fn blocks(&self, component: usize) -> (u32, u32) {
        let (h, v) = self.components[component].factors;
        let (h_max, v_max) = self.max_factors();
        let blocks =
            |size: u16, factor: u8, max: u8| (u32::from(size) * u32::from(factor)).div_ceil(u32::from(max)).div_ceil(8);
        (blocks(self.width, h, h_max), blocks(self.height, v, v_max))
    }

    /// Returns the number of units that all components together have, horizontally and vertically.
    pub(super) fn units(&self) -> (u32, u32) {
        let (h_max, v_max) = self.max_factors();
        (u32::from(self.width).div_ceil(8 * u32::from(h_max)), u32::from(self.height).div_ceil(8 * u32::from(v_max)))
    }
}

/// One scan: some components, and for a progressive frame the part of their coefficients.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// Indices of the frame's components, in the order of the scan.
    pub(super) components: Vec<usize>,
    /// First and last coefficient.
    pub(super) band: (u8, u8),
    /// The bit position before and after the scan. The first is 0 if no scan of the band precedes.
    pub(super) bits: (u8, u8),
}

impl Scan {
    /// Reads the payload of a scan's header. Returns `None` if it does not fit the frame.
    pub(super) fn read(payload: &[u8], frame: &Frame) -> Option<Self> {
        let (count, rest) = payload.split_first()?;
        let (selectors, rest) = rest.split_at_checked(usize::from(*count) * 2)?;
        let [first, last, bits] = *rest else { return None };
        let position = |id: u8| frame.components.iter().position(|component| component.id == id);
        let components: Vec<usize> =
            selectors.as_chunks::<2>().0.iter().map(|[id, _]| position(*id)).collect::<Option<_>>()?;
        let distinct: HashSet<usize> = components.iter().copied().collect();
        if components.is_empty() || distinct.len() != components.len() {
            return None;
        }
        let blocks = |index: &usize| {
            let (h, v) = frame.components[*index].factors;
            usize::from(h) * usize::from(v)
        };
        // A unit of several components has at most 10 blocks.
        if components.len() > 1 && components.iter().map(blocks).sum::<usize>() > 10 {
            return None;
        }
        let scan = Scan { components, band: (first, last), bits: (bits >> 4, bits & 15) };
        (!frame.progressive || scan.is_progressive()).then_some(scan)
    }

    /// Returns `true` if the band and the bits are those of a scan of a progressive frame.
    fn is_progressive(&self) -> bool {
        let (first, last) = self.band;
        let (before, after) = self.bits;
        let band = if first == 0 { last == 0 } else { first <= last && last < 64 && self.components.len() == 1 };
        band && after <= 13 && (before == 0 || before == after + 1)
    }

    /// Returns the number of units of the scan, between which restart markers stand.
    pub(super) fn units(&self, frame: &Frame) -> u32 {
        let (across, down) = match *self.components {
            [component] => frame.blocks(component),
            _ => frame.units(),
        };
        across * down
    }
}

/// The coefficients that the scans of a frame have delivered so far.
pub(super) struct Progress {
    /// The bit position that each coefficient of each component has reached; 0 is complete.
    bits: Vec<[Option<u8>; 64]>,
    progressive: bool,
}

impl Progress {
    pub(super) fn new(frame: &Frame) -> Self {
        Progress { bits: vec![[None; 64]; frame.components.len()], progressive: frame.progressive }
    }

    /// Takes a scan into account. Returns `false` if it does not continue the scans before it.
    pub(super) fn add(&mut self, scan: &Scan) -> bool {
        let ((first, last), (before, after)) =
            if self.progressive { (scan.band, scan.bits) } else { ((0, 63), (0, 0)) };
        scan.components.iter().all(|component| {
            let bits = &mut self.bits[*component];
            // The band of a coefficient other than the first follows the first.
            if first > 0 && bits[0].is_none() {
                return false;
            }
            bits[usize::from(first)..=usize::from(last)].iter_mut().all(|bit| {
                let expected = (before > 0).then_some(before);
                bit.replace(after) == expected
            })
        })
    }

    /// Returns `true` if all coefficients of all components are complete.
    pub(super) fn is_complete(&self) -> bool {
        self.bits.iter().flatten().all(|bit| *bit == Some(0))
    }
}
