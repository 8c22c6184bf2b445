//! Writes and reads the frames of HTTP/2. Heads are written as literals without an index, and of the heads of responses only
//! the first byte is read.

/// The length of the head of a frame.
const HEAD: usize = 9;

/// The kinds of frames.
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const PRIORITY: u8 = 2;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
}

/// Appends a frame.
pub(crate) fn frame(to: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    to.extend_from_slice(&length[1..]);
    to.extend_from_slice(&[kind, flags]);
    to.extend_from_slice(&stream.to_be_bytes());
    to.extend_from_slice(payload);
}

/// Returns header fields as literals without an index.
pub(crate) fn fields<'a>(fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            // A length of seven bits, or what is over it in bytes of seven bits.
            match u8::try_from(text.len()) {
                Ok(length) if length < 127 => block.push(length),
                _ => {
                    block.push(127);
                    let mut rest = text.len() - 127;
                    while rest > 127 {
                        block.push((rest % 128) as u8 | 128);
                        rest /= 128;
                    }
                    block.push(rest as u8);
                }
            }
            block.extend_from_slice(text);
        }
    }
    block
}

/// A frame that was received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: &'a [u8],
}

/// The frames at the start of some bytes. The number of bytes that were read is known after each.
#[derive(Debug)]
pub(crate) struct Frames<'a> {
    bytes: &'a [u8],
    pub(crate) read: usize,
}

impl<'a> Frames<'a> {
    pub(crate) fn new(bytes: &'a [u8], read: usize) -> Self {
        Frames { bytes, read }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let rest = &self.bytes[self.read..];
        let (head, rest) = rest.split_at_checked(HEAD)?;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        let payload = rest.get(..number(&head[..3]) as usize)?;
        self.read += HEAD + payload.len();
        Some(Frame { kind: head[3], flags: head[4], stream: number(&head[5..]) & !(1 << 31), payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_as_written() {
        let mut bytes = Vec::new();
        frame(&mut bytes, kind::PING, 1, 7, b"12345678");
        frame(&mut bytes, kind::DATA, 0, 9, &[7; 300]);
        let whole = bytes.len();
        frame(&mut bytes, kind::DATA, 0, 9, &[7; 300]);
        let mut frames = Frames::new(&bytes[..bytes.len() - 1], 0);
        let ping = frames.next().unwrap();
        assert_eq!((ping.kind, ping.flags, ping.stream, ping.payload), (kind::PING, 1, 7, &b"12345678"[..]));
        assert_eq!(frames.next().unwrap().payload.len(), 300);
        assert_eq!((frames.next().is_none(), frames.read), (true, whole));
    }

    #[test]
    fn long_fields_have_long_lengths() {
        let value = [b'v'; 300];
        let block = fields([(&b"n"[..], &value[..])]);
        assert_eq!(&block[..6], [0, 1, b'n', 127, 128 + 45, 1]);
        assert_eq!(block.len(), 6 + 300);
    }
}
