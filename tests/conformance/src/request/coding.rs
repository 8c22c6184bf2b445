//! Compression and decompression of bodies.

use std::io::{Read, Write};

use flate2::{Compression, read, write};
use ruzstd::{
    decoding::StreamingDecoder,
    encoding::{CompressionLevel, compress_to_vec},
};

/// The largest decompressed body.
const LARGEST: u64 = 256 << 20;

/// Encodes a body.
pub(super) fn compress(coding: &str, body: &[u8]) -> Result<Vec<u8>, String> {
    let in_context = |error: std::io::Error| format!("{coding}: {error}");
    match coding {
        "gzip" => {
            let mut encoder = write::GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).map_err(in_context)?;
            encoder.finish().map_err(in_context)
        }
        "deflate" => {
            let mut encoder = write::ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).map_err(in_context)?;
            encoder.finish().map_err(in_context)
        }
        "zstd" => Ok(compress_to_vec(body, CompressionLevel::Fastest)),
        other => Err(format!("coding: expected 'gzip', 'deflate' or 'zstd', got '{other}'")),
    }
}

/// Decodes the body of a response according to its `Content-Encoding`.
pub(crate) fn decompress(coding: &str, body: &[u8]) -> Result<Vec<u8>, String> {
    let in_context = |error: &dyn std::fmt::Display| format!("decoding a body in {coding}: {error}");
    let reader: Box<dyn Read + '_> = match coding {
        "identity" => Box::new(body),
        "gzip" | "x-gzip" => Box::new(read::MultiGzDecoder::new(body)),
        "deflate" => Box::new(read::ZlibDecoder::new(body)),
        "zstd" => Box::new(StreamingDecoder::new(body).map_err(|error| in_context(&error))?),
        other => return Err(format!("the response has the coding '{other}', which was not requested")),
    };
    let mut read = Vec::new();
    reader.take(LARGEST).read_to_end(&mut read).map_err(|error| in_context(&error))?;
    Ok(read)
}
