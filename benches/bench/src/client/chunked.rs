//! The transfer coding of bodies without a length, as far as servers of this benchmark use it: no trailers.

use crate::Failure;

/// A reader of chunks that keeps its place between pieces.
pub(super) struct Chunks {
    state: State,
}

enum State {
    /// In the line of a size; the size so far, and whether its digits have ended.
    Size {
        size: usize,
        digits_ended: bool,
    },
    /// In the data of a chunk, with this many bytes left.
    Data(usize),
    /// In the line break after the data.
    Break,
    /// In the empty line after the last chunk.
    Last,
    Done,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Chunks { state: State::Size { size: 0, digits_ended: false } }
    }

    pub(super) fn done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Reads a piece and passes the data in it on. Returns the number of bytes read, which is less than all only at the
    /// end of the body.
    pub(super) fn read(&mut self, piece: &[u8], mut data: impl FnMut(&[u8])) -> Result<usize, Failure> {
        let mut at = 0;
        while at < piece.len() && !self.done() {
            self.state = match self.state {
                State::Size { size, digits_ended } => {
                    at += 1;
                    match piece[at - 1] {
                        b'\n' if size == 0 => State::Last,
                        b'\n' => State::Data(size),
                        _ if digits_ended => State::Size { size, digits_ended },
                        byte => match char::from(byte).to_digit(16) {
                            Some(digit) => State::Size { size: size * 16 + digit as usize, digits_ended },
                            None if matches!(byte, b'\r' | b';') => State::Size { size, digits_ended: true },
                            None => return Err(format!("expected the size of a chunk, got byte {byte}").into()),
                        },
                    }
                }
                State::Data(left) => {
                    let taken = left.min(piece.len() - at);
                    data(&piece[at..at + taken]);
                    at += taken;
                    if taken == left { State::Break } else { State::Data(left - taken) }
                }
                State::Break => {
                    at += 1;
                    if piece[at - 1] == b'\n' { State::Size { size: 0, digits_ended: false } } else { State::Break }
                }
                State::Last => {
                    at += 1;
                    if piece[at - 1] == b'\n' { State::Done } else { State::Last }
                }
                State::Done => State::Done,
            };
        }
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_read_in_pieces_of_any_size() {
        let whole = b"5\r\nhello\r\nB;x=y\r\n, two words\r\n0\r\n\r\nrest";
        for size in 1..=whole.len() {
            let (mut chunks, mut got, mut read) = (Chunks::new(), Vec::new(), 0);
            for piece in whole.chunks(size) {
                read += chunks.read(piece, |data| got.extend_from_slice(data)).unwrap();
            }
            assert_eq!((got.as_slice(), read), (&b"hello, two words"[..], whole.len() - 4), "pieces of {size}");
            assert!(chunks.done());
        }
        assert!(Chunks::new().read(b"x\r\n", |_| ()).is_err());
    }
}
