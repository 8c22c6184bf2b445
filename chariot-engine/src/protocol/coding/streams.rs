//! The formats of the content codings, based on the crates that decode them: limits the result and requires complete
//! streams. [`Coding`](super::Coding) calls it.

use std::{
    error::Error as StdError,
    io::{self, BufRead, Read},
};

use flate2::{Decompress, FlushDecompress, Status, bufread::GzDecoder};
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

use super::error::{CodingError, MAX_RATIO, RATIO_THRESHOLD};
use crate::{error::Expected, protocol::Meter};

/// The largest window of a zstd frame that RFC 9659 allows for HTTP.
const MAX_WINDOW: u64 = 8 << 20;

/// The number of bytes between two checks for cancellation, and the largest step by which the result grows.
const PIECE: usize = 64 << 10;

/// The first bytes of a gzip member.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Decompresses a complete body with one of the functions below.
pub(super) fn decompress(
    body: &[u8],
    limit: usize,
    wanted: &dyn Fn() -> bool,
    meter: &Meter<'_>,
    read: fn(&mut Input<'_>, &mut Output<'_>) -> Result<(), CodingError>,
) -> Result<Vec<u8>, CodingError> {
    let ratio_limit = body.len().saturating_mul(MAX_RATIO).max(RATIO_THRESHOLD);
    let mut output = Output { bytes: vec![], len: 0, limit, ratio_limit, meter };
    match read(&mut Input { rest: body, wanted }, &mut output) {
        Ok(()) => Ok(output.into_bytes()),
        Err(_) if !wanted() => Err(CodingError::Cancelled),
        Err(error) => Err(error),
    }
}

/// Decompresses gzip: one member or several. Ignores zeros after the last one, like gzip itself: they fill the blocks of
/// tapes and of some file systems.
pub(super) fn gunzip(input: &mut Input<'_>, output: &mut Output<'_>) -> Result<(), CodingError> {
    loop {
        let mut member = GzDecoder::new(&mut *input);
        loop {
            match member.read(output.free_space()?).map_err(|error| fault(&error))? {
                0 => break,
                count => output.add(count)?,
            }
        }
        if input.rest.starts_with(&GZIP) {
            continue;
        }
        return match input.rest.iter().all(|byte| *byte == 0) {
            true => Ok(()),
            false => Err(CodingError::Trailing(input.rest.len())),
        };
    }
}

/// Decompresses deflate: one stream of the zlib format, or of the raw format that some clients send by this name.
pub(super) fn inflate(input: &mut Input<'_>, output: &mut Output<'_>) -> Result<(), CodingError> {
    let mut stream = Decompress::new(has_zlib_header(input.rest));
    loop {
        let (taken, given) = (stream.total_in(), stream.total_out());
        let piece = input.fill_buf().map_err(|_| CodingError::Cancelled)?;
        let status =
            stream.decompress(piece, output.free_space()?, FlushDecompress::None).map_err(|_| CodingError::Invalid)?;
        // Both count the bytes of one call, whose buffers are in memory.
        let (taken, given) = (stream.total_in() - taken, stream.total_out() - given);
        input.consume(taken as usize);
        output.add(given as usize)?;
        match status {
            Status::StreamEnd if input.rest.is_empty() => return Ok(()),
            Status::StreamEnd => return Err(CodingError::Trailing(input.rest.len())),
            _ if taken == 0 && given == 0 => return Err(CodingError::Truncated),
            _ => {}
        }
    }
}

/// Returns `true` unless a stream must be raw deflate, judging by the first two bytes (RFC 1950, section 2.2).
///
/// The same two bytes could only start a raw stream whose encoder fills the rest of a byte with a one, and none does.
fn has_zlib_header(stream: &[u8]) -> bool {
    match stream {
        [method, flags, ..] => method & 0x8f == 0x08 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31),
        _ => true,
    }
}

/// Decompresses zstd: a sequence of frames, some of which may be skippable.
pub(super) fn unzstd(input: &mut Input<'_>, output: &mut Output<'_>) -> Result<(), CodingError> {
    let mut first = true;
    // The memory reserved for the buffer of a decoder, which holds the last bytes of a frame.
    let mut window = 0;
    while first || !input.rest.is_empty() {
        // A decoder that is used again would allocate the window that the frame claims at once.
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW);
        let (frame, begin) = (input.rest, output.len);
        match decoder.reset(&mut *input) {
            Ok(()) => {
                while !decoder.is_finished() {
                    let decoded = decoder.decode_blocks(&mut *input, BlockDecodingStrategy::UptoBlocks(1));
                    decoded.map_err(|error| fault(&error))?;
                    let buffered = (output.len - begin + decoder.can_collect()).min(2 * MAX_WINDOW as usize);
                    if buffered > window {
                        output.meter.read(buffered - window).map_err(|_| CodingError::Cancelled)?;
                        window = buffered;
                    }
                    while decoder.can_collect() > 0 {
                        let count = decoder.read(output.free_space()?).map_err(|error| fault(&error))?;
                        output.add(count)?;
                    }
                }
                let size = has_content_size(frame).then(|| decoder.content_size());
                let whole = size.is_none_or(|size| size == (output.len - begin) as u64);
                let sum = decoder.get_checksum_from_data();
                if !whole || sum.is_some() && sum != decoder.get_calculated_checksum() {
                    return Err(CodingError::Invalid);
                }
            }
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                let length = usize::try_from(length).ok();
                input.rest = length.and_then(|length| input.rest.get(length..)).ok_or(CodingError::Truncated)?;
            }
            Err(FrameDecoderError::ReadFrameHeaderError(
                ReadFrameHeaderError::BadMagicNumber(_) | ReadFrameHeaderError::MagicNumberReadError(_),
            )) if !first => return Err(CodingError::Trailing(frame.len())),
            Err(FrameDecoderError::WindowSizeTooBig { requested, .. }) => {
                let expected = format_args!("a zstd window of at most {MAX_WINDOW} bytes");
                return Err(CodingError::Unsupported(Expected::new(expected, requested).into()));
            }
            Err(FrameDecoderError::DictNotProvided { dict_id }) => {
                let got = format_args!("one with dictionary {dict_id}");
                return Err(CodingError::Unsupported(Expected::new("a zstd frame without a dictionary", got).into()));
            }
            Err(error) => return Err(fault(&error)),
        }
        first = false;
    }
    Ok(())
}

/// Returns `true` if the header of a zstd frame declares the size of its content.
fn has_content_size(frame: &[u8]) -> bool {
    // The byte after the magic number has two bits for the size of that field, and one bit for a single segment.
    frame.get(4).is_some_and(|descriptor| descriptor & 0b1110_0000 != 0)
}

/// Classifies an error of a decoder: the body has ended too early, or it is invalid.
fn fault(error: &(dyn StdError + 'static)) -> CodingError {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    let ended = causes.any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    });
    if ended { CodingError::Truncated } else { CodingError::Invalid }
}

/// The rest of a body. Reading fails once the result is no longer needed.
pub(super) struct Input<'a> {
    rest: &'a [u8],
    wanted: &'a dyn Fn() -> bool,
}

impl BufRead for Input<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if !(self.wanted)() {
            return Err(io::ErrorKind::Other.into());
        }
        Ok(&self.rest[..self.rest.len().min(PIECE)])
    }

    fn consume(&mut self, count: usize) {
        self.rest = &self.rest[count..];
    }
}

impl Read for Input<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(bytes)?;
        self.consume(count);
        Ok(count)
    }
}

/// The decompressed bytes.
pub(super) struct Output<'a> {
    /// The bytes decompressed so far, followed by free space.
    bytes: Vec<u8>,
    /// The number of bytes decompressed so far.
    len: usize,
    /// The limit on `len`.
    limit: usize,
    /// The limit on `len` that follows from the size of the body.
    ratio_limit: usize,
    meter: &'a Meter<'a>,
}

impl Output<'_> {
    /// Returns free space: at least one byte, even at the limit, so that exceeding it is noticed.
    ///
    /// # Errors
    /// Returns an error if there is no memory for it.
    fn free_space(&mut self) -> Result<&mut [u8], CodingError> {
        if self.len == self.bytes.len() {
            let max = self.limit.min(self.ratio_limit).saturating_add(1);
            if self.len == self.bytes.capacity() {
                // Doubles the capacity, within the limit.
                let more = self.len.max(PIECE).min(max - self.len);
                // Both the old and the new block, until the bytes are in the new one.
                let moved = self.bytes.capacity();
                self.meter.read(moved + more).map_err(|_| CodingError::Cancelled)?;
                self.bytes.reserve_exact(more);
                self.meter.release(moved);
            }
            let end = self.len.saturating_add(PIECE).min(self.bytes.capacity()).min(max);
            self.bytes.resize(end, 0);
        }
        Ok(&mut self.bytes[self.len..])
    }

    /// Records `count` more bytes and checks the limits.
    fn add(&mut self, count: usize) -> Result<(), CodingError> {
        self.len += count;
        if self.len > self.limit {
            return Err(CodingError::TooLarge { limit: self.limit });
        }
        if self.len > self.ratio_limit { Err(CodingError::Ratio) } else { Ok(()) }
    }

    fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.len);
        self.bytes.shrink_to_fit();
        self.bytes
    }
}

/// Compresses a body with this encoder; returns `None` if the result would not be smaller.
pub(super) fn compress(body: &[u8], encoder: impl Read) -> Option<Vec<u8>> {
    let mut compressed = Vec::new();
    encoder.take(body.len() as u64).read_to_end(&mut compressed).ok()?;
    (compressed.len() < body.len()).then_some(compressed)
}
