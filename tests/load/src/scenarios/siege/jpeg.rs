//! A JPEG that is small, valid and slow to decode: a progressive gray picture in 80 scans, of which each visits every block
//! and changes none.

/// The number of scans that refine one band of coefficients, from the bit 13 to the bit 0.
const STEPS: u8 = 14;

/// The bands of coefficients, which together are all but the first.
const BANDS: [(u8, u8); 5] = [(1, 12), (13, 25), (26, 38), (39, 51), (52, 63)];

/// The scans of the first coefficient, of the bits 9 to 0.
const FIRST_STEPS: u8 = 10;

/// The longest run of empty blocks that one code stands for.
const LONGEST_RUN: u32 = 32_767;

/// Makes a square picture with this number of blocks of 8 by 8 pixels in each direction.
pub(super) fn many_scans(blocks: u16) -> Vec<u8> {
    let side = (blocks * 8).to_be_bytes();
    let count = u32::from(blocks) * u32::from(blocks);
    let mut file = vec![0xff, 0xd8];
    segment(&mut file, 0xdb, &[&[0][..], &[1; 64]].concat());
    segment(&mut file, 0xc2, &[8, side[0], side[1], side[0], side[1], 1, 1, 0x11, 0]);
    // One code of one bit for "no difference", and codes of four bits for runs of empty blocks.
    segment(&mut file, 0xc4, &[&[0, 1][..], &[0; 15], &[0]].concat());
    let runs: Vec<u8> = (0..15).map(|bits| bits << 4).collect();
    segment(&mut file, 0xc4, &[&[0x10, 0, 0, 0, 15][..], &[0; 12], &runs].concat());
    for step in 0..FIRST_STEPS {
        let after = FIRST_STEPS - 1 - step;
        let mut bits = Bits::default();
        (0..count).for_each(|_| bits.put(0, 1));
        scan(&mut file, (0, 0), if step == 0 { 0 } else { after + 1 }, after, bits);
    }
    for band in BANDS {
        for step in 0..STEPS {
            let after = STEPS - 1 - step;
            let mut bits = Bits::default();
            let mut left = count;
            while left > 0 {
                let run = left.min(LONGEST_RUN);
                let length = run.ilog2();
                bits.put(length, 4);
                bits.put(run - (1 << length), length);
                left -= run;
            }
            scan(&mut file, band, if step == 0 { 0 } else { after + 1 }, after, bits);
        }
    }
    file.extend([0xff, 0xd9]);
    file
}

fn segment(file: &mut Vec<u8>, marker: u8, payload: &[u8]) {
    file.extend([0xff, marker]);
    file.extend((payload.len() as u16 + 2).to_be_bytes());
    file.extend(payload);
}

fn scan(file: &mut Vec<u8>, (first, last): (u8, u8), before: u8, after: u8, bits: Bits) {
    segment(file, 0xda, &[1, 1, 0, first, last, before << 4 | after]);
    file.extend(bits.end());
}

/// Bits of a scan, the highest first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    open: u32,
    length: u32,
}

impl Bits {
    fn put(&mut self, value: u32, length: u32) {
        for at in (0..length).rev() {
            self.open = self.open << 1 | value >> at & 1;
            self.length += 1;
            if self.length == 8 {
                let byte = self.open as u8;
                self.bytes.push(byte);
                // What looks like a marker is followed by a zero.
                if byte == 0xff {
                    self.bytes.push(0);
                }
                (self.open, self.length) = (0, 0);
            }
        }
    }

    /// Fills the last byte with ones.
    fn end(mut self) -> Vec<u8> {
        while self.length > 0 {
            self.put(1, 1);
        }
        self.bytes
    }
}
