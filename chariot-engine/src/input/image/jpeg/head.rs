//! [`Head`]: what the segments of a JPEG file say about its structure, without decoding it. `decode` calls it.
//!
//! The decoders behind it are lenient: they fill what is missing with gray, and decode some structures to wrong pixels
//! without an error. Everything that they do not check is checked here.

use super::{
    super::fault::Fault,
    scan::{Component, Frame, Progress, Scan},
};

/// The maximum number of scans. An encoder makes about ten; each costs a pass over the whole image.
const MAX_SCANS: usize = 100;

/// The colors that the components of a file stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colors {
    Gray,
    Rgb,
    YCbCr,
    Cmyk,
    Ycck,
}

/// The structure of a file.
#[derive(Debug)]
pub(super) struct Head<'a> {
    pub(super) frame: Frame,
    pub(super) scans: Vec<Scan>,
    pub(super) colors: Colors,
    /// The EXIF data, which begins as a TIFF file does.
    pub(super) exif: Option<&'a [u8]>,
    /// The number of bytes before the end of the last scan's data. Other segments may follow.
    pub(super) data_end: usize,
    /// Bytes between segments that belong to none. Some cameras leave them.
    pub(super) stray_bytes: bool,
}

impl<'a> Head<'a> {
    /// Reads all segments up to the end of the image. Data after it (phones append videos) does not matter.
    ///
    /// A thumbnail within a segment has an end of its own, so segments are skipped by their length. The entropy-coded data
    /// after the header of a scan has no length: it extends to the next marker.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut rest = bytes.strip_prefix(&[0xff, 0xd8]).ok_or(Fault::Corrupt)?;
        let mut head = Open::default();
        loop {
            let (marker, segment) = head.next_marker(rest).ok_or(Fault::Corrupt)?;
            if marker == 0xd9 {
                return head.close();
            }
            let (length, _) = segment.split_first_chunk::<2>().ok_or(Fault::Corrupt)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (segment, after) = segment.split_at_checked(length).ok_or(Fault::Corrupt)?;
            let payload = segment.get(2..).ok_or(Fault::Corrupt)?;
            rest = head.segment(marker, payload, after)?;
            if marker == 0xda {
                head.data_end = bytes.len() - rest.len();
            }
        }
    }
}

/// A head that is being read.
#[derive(Default)]
struct Open<'a> {
    frame: Option<(Frame, Progress)>,
    scans: Vec<Scan>,
    restart_interval: u16,
    jfif: bool,
    adobe: Option<u8>,
    exif: Option<&'a [u8]>,
    data_end: usize,
    stray_bytes: bool,
}

impl<'a> Open<'a> {
    /// Returns the next marker, and the bytes after it.
    fn next_marker(&mut self, bytes: &'a [u8]) -> Option<(u8, &'a [u8])> {
        let mut at = bytes.iter().position(|byte| *byte == 0xff)?;
        self.stray_bytes |= at > 0;
        loop {
            match bytes.get(at)? {
                0xff => at += 1,
                // Data that looks like entropy-coded data.
                0 | 1 | 0xd0..=0xd7 => {
                    self.stray_bytes = true;
                    at += 1 + bytes.get(at + 1..)?.iter().position(|byte| *byte == 0xff)?;
                }
                marker => return Some((*marker, bytes.get(at + 1..)?)),
            }
        }
    }

    /// Reads a segment. Returns the bytes after it, and after the entropy-coded data if it is the header of a scan.
    fn segment(&mut self, marker: u8, payload: &'a [u8], after: &'a [u8]) -> Result<&'a [u8], Fault> {
        match marker {
            0xc0..=0xc2 => self.frame(payload, marker == 0xc2)?,
            0xc3 => return Err(Fault::unsupported("with lossless coding")),
            0xf7 => return Err(Fault::unsupported("with lossless coding (JPEG-LS)")),
            0xc5..=0xc7 | 0xcd..=0xcf | 0xde | 0xdf => return Err(Fault::unsupported("in hierarchical mode")),
            0xc9..=0xcc => return Err(Fault::unsupported("with arithmetic coding")),
            0xdc => return Err(Fault::unsupported("with its height after the first scan")),
            0xda => return self.scan(payload, after),
            0xdd => {
                let interval = payload.first_chunk::<2>().ok_or(Fault::Corrupt)?;
                self.restart_interval = u16::from_be_bytes(*interval);
            }
            0xe0 => self.jfif |= payload.starts_with(b"JFIF\0") && payload.len() >= 12,
            0xe1 => {
                let exif = payload.strip_prefix(b"Exif\0\0");
                self.exif = self.exif.or(exif);
            }
            0xee if payload.starts_with(b"Adobe") => self.adobe = payload.get(11).copied().or(self.adobe),
            // A second start of an image, and a code that no segment has.
            0xd8 | 0xc8 => return Err(Fault::Corrupt),
            _ => {}
        }
        Ok(after)
    }

    fn frame(&mut self, payload: &[u8], progressive: bool) -> Result<(), Fault> {
        let ([precision, y, y2, x, x2, count], components) = payload.split_first_chunk::<6>().ok_or(Fault::Corrupt)?;
        let (width, height) = (u16::from_be_bytes([*x, *x2]), u16::from_be_bytes([*y, *y2]));
        let components: Vec<Component> = components
            .as_chunks::<3>()
            .0
            .iter()
            .map(|[id, factors, _]| Component { id: *id, factors: (factors >> 4, factors & 15) })
            .collect();
        let has_good_factors =
            components.iter().all(|Component { factors: (h, v), .. }| (1..=4).contains(h) && (1..=4).contains(v));
        if self.frame.is_some() || payload.len() != 6 + usize::from(*count) * 3 || !has_good_factors {
            return Err(Fault::Corrupt);
        }
        match precision {
            8 => {}
            12 => return Err(Fault::unsupported("with 12 bits per sample")),
            _ => return Err(Fault::Corrupt),
        }
        if height == 0 {
            return Err(Fault::unsupported("with its height after the first scan"));
        }
        match count {
            1 | 3 | 4 => {}
            0 => return Err(Fault::Corrupt),
            _ => return Err(Fault::unsupported("whose components are not gray, RGB, YCbCr, CMYK or YCCK")),
        }
        let frame = Frame { width, height, progressive, components };
        let (h_max, v_max) = frame.max_factors();
        let fractional = |Component { factors: (h, v), .. }: &Component| h_max % h != 0 || v_max % v != 0;
        if frame.components.iter().any(fractional) {
            return Err(Fault::unsupported("with fractional sampling"));
        }
        let progress = Progress::new(&frame);
        self.frame = Some((frame, progress));
        Ok(())
    }

    fn scan(&mut self, payload: &[u8], after: &'a [u8]) -> Result<&'a [u8], Fault> {
        let (frame, progress) = self.frame.as_mut().ok_or(Fault::Corrupt)?;
        let scan = Scan::read(payload, frame).ok_or(Fault::Corrupt)?;
        if self.scans.len() == MAX_SCANS || !progress.add(&scan) {
            return Err(Fault::Corrupt);
        }
        let (restarts, rest) = skip_entropy_coded(after).ok_or(Fault::Corrupt)?;
        let expected = match self.restart_interval {
            0 => 0,
            interval => scan.units(frame).saturating_sub(1) / u32::from(interval),
        };
        // Some encoders write a marker after the last unit too.
        if restarts != expected && !(self.restart_interval > 0 && restarts == expected + 1) {
            return Err(Fault::Corrupt);
        }
        self.scans.push(scan);
        Ok(rest)
    }

    fn close(self) -> Result<Head<'a>, Fault> {
        let (frame, progress) = self.frame.ok_or(Fault::Corrupt)?;
        if !progress.is_complete() {
            return Err(Fault::Corrupt);
        }
        let ids: Vec<u8> = frame.components.iter().map(|component| component.id).collect();
        let colors = match (ids.len(), self.adobe) {
            (1, _) => Colors::Gray,
            (3, _) if self.jfif => Colors::YCbCr,
            (3, Some(0)) => Colors::Rgb,
            (3, None) if ids == *b"RGB" => Colors::Rgb,
            (3, _) => Colors::YCbCr,
            (_, Some(0) | None) => Colors::Cmyk,
            _ => Colors::Ycck,
        };
        Ok(Head {
            frame,
            scans: self.scans,
            colors,
            exif: self.exif,
            data_end: self.data_end,
            stray_bytes: self.stray_bytes,
        })
    }
}

/// Skips the entropy-coded data at the start. Returns the number of restart markers in it, and the bytes from the next
/// other marker on. Returns `None` if the data ends before, or if a restart marker is out of order.
fn skip_entropy_coded(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (mut at, mut restarts) = (0, 0_u32);
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == 0xff)?;
        match bytes.get(at + 1)? {
            // A stuffed 0.
            0 => at += 2,
            0xff => at += 1,
            marker @ 0xd0..=0xd7 => {
                if u32::from(marker - 0xd0) != restarts % 8 {
                    return None;
                }
                restarts += 1;
                at += 2;
            }
            _ => return Some((restarts, &bytes[at..])),
        }
    }
}
