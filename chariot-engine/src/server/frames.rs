//! [`Frames`], the frames of HTTP/2 in the bytes that a connection receives, as far as they tell where a head begins and ends.
//! [`Received`](super::received::Received) follows them.

/// The length of the header of a frame.
const HEADER: usize = 9;

/// The types of the frames that have a part of a head.
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

/// The flag of the last of them.
const END_HEADERS: u8 = 4;

/// The frames of one connection, after its preface.
#[derive(Debug, Default)]
pub(super) struct Frames {
    header: [u8; HEADER],
    /// The bytes of the header that have arrived, and the bytes of the payload that are missing once all of it has.
    header_read: usize,
    missing: usize,
    has_begun_head: bool,
}

impl Frames {
    /// Follows bytes that have arrived.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.header_read < HEADER {
                let read = bytes.len().min(HEADER - self.header_read);
                self.header[self.header_read..self.header_read + read].copy_from_slice(&bytes[..read]);
                self.header_read += read;
                bytes = &bytes[read..];
                if self.header_read < HEADER {
                    return;
                }
                self.missing = self.length();
            }
            let read = bytes.len().min(self.missing);
            self.missing -= read;
            bytes = &bytes[read..];
            if self.missing == 0 {
                self.header_read = 0;
                if self.is_of_head() {
                    self.has_begun_head = self.header[4] & END_HEADERS == 0;
                }
            }
        }
    }

    /// Returns the bytes of the frame that is not complete.
    pub(super) fn partial(&self) -> usize {
        if self.header_read < HEADER { self.header_read } else { HEADER + self.length() - self.missing }
    }

    /// Returns `true` if a frame of a head has arrived, and the frame that ends the head has not.
    pub(super) fn has_begun_head(&self) -> bool {
        self.has_begun_head
    }

    /// Returns `true` if a part of a head has arrived, and not yet all of it.
    pub(super) fn is_in_head(&self) -> bool {
        self.has_begun_head || (self.header_read == HEADER && self.is_of_head())
    }

    fn length(&self) -> usize {
        self.header[..3].iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
    }

    fn is_of_head(&self) -> bool {
        matches!(self.header[3], HEADERS | CONTINUATION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        frame.resize(HEADER + usize::from(length), b'x');
        frame
    }

    #[test]
    fn a_head_ends_with_its_last_frame() {
        const DATA: u8 = 0;
        let sent = [
            (frame(4, 0, 0), false),
            (frame(HEADERS, END_HEADERS, 20), false),
            (frame(DATA, 0, 200), false),
            (frame(HEADERS, 1, 30), true),
            (frame(CONTINUATION, 0, 0), true),
            (frame(CONTINUATION, END_HEADERS, 10), false),
            (frame(DATA, END_HEADERS, 3), false),
        ];
        let mut frames = Frames::default();
        for (frame, begun) in &sent {
            frames.read(frame);
            assert_eq!((frames.has_begun_head(), frames.is_in_head(), frames.partial()), (*begun, *begun, 0));
        }
        let all: Vec<u8> = sent.iter().flat_map(|(frame, _)| frame.clone()).collect();
        for size in 1..40 {
            let mut frames = Frames::default();
            all.chunks(size).for_each(|chunk| frames.read(chunk));
            assert!(!frames.is_in_head() && frames.partial() == 0, "pieces of {size} bytes");
        }
    }

    #[test]
    fn a_frame_that_is_not_complete_is_counted() {
        let mut frames = Frames::default();
        let headers = frame(HEADERS, END_HEADERS, 20);
        for (index, byte) in headers[..headers.len() - 1].iter().enumerate() {
            frames.read(&[*byte]);
            assert_eq!((frames.partial(), frames.is_in_head()), (index + 1, index + 1 >= HEADER));
        }
    }
}
