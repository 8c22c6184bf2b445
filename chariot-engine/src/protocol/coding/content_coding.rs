//! The content codings: decompression within limits, and compression.

use super::error::{self, CodingError};
#[cfg(feature = "compression")]
use super::streams;
use crate::protocol::Meter;

/// The compression level: fast, but the lowest one that still compresses lists of floats.
#[cfg(feature = "compression")]
const LEVEL: flate2::Compression = flate2::Compression::new(2);

/// A content coding of HTTP. Without the feature `compression` it has no variants.
///
/// ```
/// # #[cfg(feature = "compression")] {
/// use chariot_engine::protocol::{Coding, CodingError};
///
/// let coding = Coding::parse("GZIP").unwrap();
/// let body = b"0.25,".repeat(100);
/// let compressed = coding.compress(&body).expect("it is smaller");
/// assert_eq!(coding.decompress(&compressed, 1024).unwrap(), body);
/// assert_eq!(coding.decompress(&compressed, 10), Err(CodingError::TooLarge { limit: 10 }));
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Coding {
    /// gzip (RFC 1952), with one member or several. Zeros after them are ignored.
    #[cfg(feature = "compression")]
    Gzip,
    /// deflate, in the zlib format (RFC 1950). A raw stream (RFC 1951) is decompressed too.
    #[cfg(feature = "compression")]
    Deflate,
    /// zstd (RFC 8878), with one frame or several and a window of at most 8 MiB (RFC 9659).
    #[cfg(feature = "compression")]
    Zstd,
}

impl Coding {
    /// Every coding that a request body may have.
    pub const ALL: &[Coding] = &[
        #[cfg(feature = "compression")]
        Coding::Gzip,
        #[cfg(feature = "compression")]
        Coding::Deflate,
        #[cfg(feature = "compression")]
        Coding::Zstd,
    ];

    /// The limit on the size of a decompressed body, in multiples of its compressed size. Applies above
    /// [`RATIO_THRESHOLD`](Self::RATIO_THRESHOLD) only. Real data compresses far less; only a decompression bomb exceeds
    /// this.
    pub const MAX_RATIO: usize = error::MAX_RATIO;

    /// The size in bytes up to which a body of any size can be decompressed, because tests often send tensors of zeros.
    pub const RATIO_THRESHOLD: usize = error::RATIO_THRESHOLD;

    /// Returns the coding with this name, in any case; `x-gzip` is gzip.
    pub fn parse(token: &str) -> Option<Self> {
        let token = if token.eq_ignore_ascii_case("x-gzip") { "gzip" } else { token };
        Self::ALL.iter().copied().find(|coding| coding.token().eq_ignore_ascii_case(token))
    }

    /// Returns the coding's name in lower case.
    pub fn token(self) -> &'static str {
        match self {
            #[cfg(feature = "compression")]
            Coding::Gzip => "gzip",
            #[cfg(feature = "compression")]
            Coding::Deflate => "deflate",
            #[cfg(feature = "compression")]
            Coding::Zstd => "zstd",
        }
    }

    /// Decompresses a body into at most `limit` bytes, at a ratio of at most [`MAX_RATIO`](Self::MAX_RATIO).
    ///
    /// Memory does not depend on the size that a stream claims: the result grows as it is decompressed, and so do the
    /// buffers of the decoder, which take less than 1 MiB for gzip and deflate and less than 16 MiB for zstd with its
    /// largest window.
    ///
    /// # Errors
    /// Returns an error if the body is not exactly one stream of this coding, or if the result exceeds a limit.
    pub fn decompress(self, body: &[u8], limit: usize) -> Result<Vec<u8>, CodingError> {
        self.decompress_while(body, limit, &|| true, &Meter::default())
    }

    /// Decompresses a body, and cancels once `wanted` returns `false`: some bodies take many seconds. Reserves memory before
    /// it is taken; a refusal cancels too.
    #[cfg_attr(
        not(feature = "compression"),
        expect(unused_variables, reason = "without the feature there are no codings")
    )]
    pub(crate) fn decompress_while(
        self,
        body: &[u8],
        limit: usize,
        wanted: &dyn Fn() -> bool,
        meter: &Meter<'_>,
    ) -> Result<Vec<u8>, CodingError> {
        match self {
            #[cfg(feature = "compression")]
            Coding::Gzip => streams::decompress(body, limit, wanted, meter, streams::gunzip),
            #[cfg(feature = "compression")]
            Coding::Deflate => streams::decompress(body, limit, wanted, meter, streams::inflate),
            #[cfg(feature = "compression")]
            Coding::Zstd => streams::decompress(body, limit, wanted, meter, streams::unzstd),
        }
    }

    /// Returns `true` if [`compress`](Self::compress) supports this coding.
    pub fn compresses(self) -> bool {
        match self {
            #[cfg(feature = "compression")]
            Coding::Gzip | Coding::Deflate => true,
            #[cfg(feature = "compression")]
            Coding::Zstd => false,
        }
    }

    /// Compresses a body, for speed rather than for size. Returns `None` if the result would not be smaller, or if there is
    /// no encoder of this coding.
    #[cfg_attr(
        not(feature = "compression"),
        expect(unused_variables, reason = "without the feature there are no codings")
    )]
    pub fn compress(self, body: &[u8]) -> Option<Vec<u8>> {
        match self {
            #[cfg(feature = "compression")]
            Coding::Gzip => streams::compress(body, flate2::bufread::GzEncoder::new(body, LEVEL)),
            #[cfg(feature = "compression")]
            Coding::Deflate => streams::compress(body, flate2::bufread::ZlibEncoder::new(body, LEVEL)),
            #[cfg(feature = "compression")]
            Coding::Zstd => None,
        }
    }
}
