//! The formats themselves, over crates that know them: what comes out is limited here, and a stream must be whole.
//! [`Coding`] calls it.

use std::{
    error::Error as StdError,
    io::{self, BufRead, Read},
};

use flate2::{Decompress, FlushDecompress, Status, bufread::GzDecoder};
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

use super::{Coding, CodingError};

/// The largest window of a zstd frame: what RFC 9659 allows for HTTP.
const MAX_WINDOW: u64 = 8 << 20;

/// How much is taken in before it is asked whether the work is still wanted, and the most that is asked for in one go.
const PIECE: usize = 64 << 10;

/// The first bytes of a gzip member.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Reads a whole body by one of the functions below.
pub(super) fn decompress(
    body: &[u8],
    limit: usize,
    wanted: &dyn Fn() -> bool,
    read: fn(&mut Input<'_>, &mut Output) -> Result<(), CodingError>,
) -> Result<Vec<u8>, CodingError> {
    let by_ratio = body.len().saturating_mul(Coding::MAX_RATIO).max(Coding::ANY_RATIO);
    let mut output = Output { bytes: vec![], len: 0, limit, by_ratio };
    match read(&mut Input { rest: body, wanted }, &mut output) {
        Ok(()) => Ok(output.into_bytes()),
        Err(_) if !wanted() => Err(CodingError::Stopped),
        Err(error) => Err(error),
    }
}

/// gzip: one member or several.
pub(super) fn gunzip(input: &mut Input<'_>, output: &mut Output) -> Result<(), CodingError> {
    loop {
        let mut member = GzDecoder::new(&mut *input);
        loop {
            match member.read(output.room()).map_err(|error| fault(&error))? {
                0 => break,
                count => output.came(count)?,
            }
        }
        if input.rest.is_empty() {
            return Ok(());
        }
        if !input.rest.starts_with(&GZIP) {
            return Err(CodingError::Trailing(input.rest.len()));
        }
    }
}

/// deflate: one stream of the zlib format.
pub(super) fn inflate(input: &mut Input<'_>, output: &mut Output) -> Result<(), CodingError> {
    let mut stream = Decompress::new(true);
    loop {
        let (taken, given) = (stream.total_in(), stream.total_out());
        let piece = input.fill_buf().map_err(|_| CodingError::Stopped)?;
        let status = stream.decompress(piece, output.room(), FlushDecompress::None).map_err(|_| CodingError::Broken)?;
        // Both are of one call, whose buffers are in memory.
        let (taken, given) = (stream.total_in() - taken, stream.total_out() - given);
        input.consume(taken as usize);
        output.came(given as usize)?;
        match status {
            Status::StreamEnd if input.rest.is_empty() => return Ok(()),
            Status::StreamEnd => return Err(CodingError::Trailing(input.rest.len())),
            _ if taken == 0 && given == 0 => return Err(CodingError::Cut),
            _ => {}
        }
    }
}

/// zstd: a sequence of frames, of which some may be skippable.
pub(super) fn unzstd(input: &mut Input<'_>, output: &mut Output) -> Result<(), CodingError> {
    let mut first = true;
    while first || !input.rest.is_empty() {
        // One that is used again would set its window aside at once, on the word of the frame.
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW);
        let (frame, begin) = (input.rest, output.len);
        match decoder.reset(&mut *input) {
            Ok(()) => {
                while !decoder.is_finished() {
                    let decoded = decoder.decode_blocks(&mut *input, BlockDecodingStrategy::UptoBlocks(1));
                    decoded.map_err(|error| fault(&error))?;
                    while decoder.can_collect() > 0 {
                        let count = decoder.read(output.room()).map_err(|error| fault(&error))?;
                        output.came(count)?;
                    }
                }
                let size = has_content_size(frame).then(|| decoder.content_size());
                let whole = size.is_none_or(|size| size == (output.len - begin) as u64);
                let sum = decoder.get_checksum_from_data();
                if !whole || sum.is_some() && sum != decoder.get_calculated_checksum() {
                    return Err(CodingError::Broken);
                }
            }
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                let length = usize::try_from(length).ok();
                input.rest = length.and_then(|length| input.rest.get(length..)).ok_or(CodingError::Cut)?;
            }
            Err(FrameDecoderError::ReadFrameHeaderError(
                ReadFrameHeaderError::BadMagicNumber(_) | ReadFrameHeaderError::MagicNumberReadError(_),
            )) if !first => return Err(CodingError::Trailing(frame.len())),
            Err(FrameDecoderError::WindowSizeTooBig { requested, .. }) => {
                return Err(CodingError::Unsupported(format!(
                    "a window of at most {MAX_WINDOW} bytes is expected, one of {requested} came"
                )));
            }
            Err(FrameDecoderError::DictNotProvided { dict_id }) => {
                return Err(CodingError::Unsupported(format!(
                    "a frame without a dictionary is expected, one with dictionary {dict_id} came"
                )));
            }
            Err(error) => return Err(fault(&error)),
        }
        first = false;
    }
    Ok(())
}

/// Whether the head of a zstd frame says how much comes out of it.
fn has_content_size(frame: &[u8]) -> bool {
    // After the four bytes of the magic number: two bits for the size of that field, a bit for `single segment`.
    frame.get(4).is_some_and(|descriptor| descriptor & 0b1110_0000 != 0)
}

/// What an error of a decoder means: a body that ended, or one that is wrong.
fn fault(error: &(dyn StdError + 'static)) -> CodingError {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    let ended = causes.any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    });
    if ended { CodingError::Cut } else { CodingError::Broken }
}

/// What is left of a body. To read on fails once the result is not wanted any more.
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

/// What has come out.
pub(super) struct Output {
    /// What has come, and room for more.
    bytes: Vec<u8>,
    len: usize,
    /// The most that may come.
    limit: usize,
    /// The most that may come of a body of this size.
    by_ratio: usize,
}

impl Output {
    /// Room for more: a byte at least, also where nothing more may come, so that it is noticed.
    fn room(&mut self) -> &mut [u8] {
        if self.len == self.bytes.len() {
            let most = self.limit.min(self.by_ratio).saturating_add(1);
            if self.len == self.bytes.capacity() {
                // Twice as much, but never beyond the most.
                self.bytes.reserve_exact(self.len.max(PIECE).min(most - self.len));
            }
            let end = self.len.saturating_add(PIECE).min(self.bytes.capacity()).min(most);
            self.bytes.resize(end, 0);
        }
        &mut self.bytes[self.len..]
    }

    /// So many bytes more have come.
    fn came(&mut self, count: usize) -> Result<(), CodingError> {
        self.len += count;
        if self.len > self.limit {
            return Err(CodingError::TooLarge { limit: self.limit });
        }
        if self.len > self.by_ratio { Err(CodingError::Ratio) } else { Ok(()) }
    }

    fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.len);
        self.bytes
    }
}

/// What an encoder makes of a body, if that is smaller.
pub(super) fn smaller(body: &[u8], encoder: impl Read) -> Option<Vec<u8>> {
    let mut compressed = Vec::new();
    encoder.take(body.len() as u64).read_to_end(&mut compressed).ok()?;
    (compressed.len() < body.len()).then_some(compressed)
}
