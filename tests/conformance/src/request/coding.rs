//! Compressing a body, and reading one that is compressed.

use std::io::{Read, Write};

use flate2::{Compression, read, write};
use ruzstd::{
    decoding::StreamingDecoder,
    encoding::{CompressionLevel, compress_to_vec},
};

/// The largest body that is read out of a compressed one.
const LARGEST: u64 = 256 << 20;

/// A body in a coding.
pub(super) fn compress(coding: &str, body: &[u8]) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| format!("{coding}: {error}");
    match coding {
        "gzip" => {
            let mut encoder = write::GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).map_err(told)?;
            encoder.finish().map_err(told)
        }
        "deflate" => {
            let mut encoder = write::ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).map_err(told)?;
            encoder.finish().map_err(told)
        }
        "zstd" => Ok(compress_to_vec(body, CompressionLevel::Fastest)),
        other => Err(format!("coding: 'gzip', 'deflate' or 'zstd' is expected, '{other}' came")),
    }
}

/// The body of an answer, by what its `Content-Encoding` says.
pub(crate) fn decompress(coding: &str, body: &[u8]) -> Result<Vec<u8>, String> {
    let told = |error: &dyn std::fmt::Display| format!("a body in {coding} is expected: {error}");
    let reader: Box<dyn Read + '_> = match coding {
        "identity" => Box::new(body),
        "gzip" | "x-gzip" => Box::new(read::MultiGzDecoder::new(body)),
        "deflate" => Box::new(read::ZlibDecoder::new(body)),
        "zstd" => Box::new(StreamingDecoder::new(body).map_err(|error| told(&error))?),
        other => return Err(format!("the answer is in the coding '{other}', which was not asked for")),
    };
    let mut read = Vec::new();
    reader.take(LARGEST).read_to_end(&mut read).map_err(|error| told(&error))?;
    Ok(read)
}
