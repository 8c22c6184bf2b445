//! Content codings: [`Coding`], by which a body is decompressed within limits, or compressed. The server uses it.

#[cfg(feature = "compression")]
mod streams;
#[cfg(all(test, feature = "compression"))]
mod tests;

/// For speed. At the level below lists of floats stay as large as they are.
#[cfg(feature = "compression")]
const LEVEL: flate2::Compression = flate2::Compression::new(2);

/// A content coding of HTTP. There is none without the feature `compression`.
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
    /// gzip (RFC 1952), of one member or several.
    #[cfg(feature = "compression")]
    Gzip,
    /// deflate, which is the zlib format (RFC 1950).
    #[cfg(feature = "compression")]
    Deflate,
    /// zstd (RFC 8878), of one frame or several, with a window of at most 8 MiB (RFC 9659).
    #[cfg(feature = "compression")]
    Zstd,
}

/// Why a body is not decompressed.
///
/// ```
/// # #[cfg(feature = "compression")] {
/// use chariot_engine::protocol::{Coding, CodingError};
///
/// let error = Coding::Gzip.decompress(b"plain text", 1024).unwrap_err();
/// assert_eq!(error, CodingError::Broken);
/// assert_eq!(error.to_string(), "a stream of this coding is expected, the body is none or is broken");
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodingError {
    /// More comes out than the caller of [`Coding::decompress`] allows.
    #[error("a body of at most {limit} bytes is expected, more comes out of the stream")]
    TooLarge {
        /// What is allowed, in bytes.
        limit: usize,
    },
    /// More comes out than [`Coding::MAX_RATIO`] allows.
    #[error(
        "at most {} bytes a byte are expected of a stream of more than {} bytes, more come out",
        Coding::MAX_RATIO,
        Coding::ANY_RATIO
    )]
    Ratio,
    /// The body ends before its stream does.
    #[error("the end of the stream is expected, the body ends before it")]
    Cut,
    /// The body is no stream of the coding, or one that is broken.
    #[error("a stream of this coding is expected, the body is none or is broken")]
    Broken,
    /// Something follows the stream; how many bytes.
    #[error("the end of the body is expected after the stream, {0} more bytes came")]
    Trailing(usize),
    /// A stream that may be right, but needs what is not offered; what was expected, and what came.
    #[error("{0}")]
    Unsupported(String),
    /// It was no longer wanted.
    #[error("the stream was given up")]
    Stopped,
}

impl Coding {
    /// Every coding that a body may come in.
    pub const ALL: &[Coding] = &[
        #[cfg(feature = "compression")]
        Coding::Gzip,
        #[cfg(feature = "compression")]
        Coding::Deflate,
        #[cfg(feature = "compression")]
        Coding::Zstd,
    ];

    /// How many times the size of a body may come out of it, beyond [`ANY_RATIO`](Self::ANY_RATIO) bytes. What is worth
    /// sending is denser by far; only a bomb is not.
    pub const MAX_RATIO: usize = 200;

    /// What may come out of a body however small it is, in bytes: tensors of nothing but zeros are common in tests.
    pub const ANY_RATIO: usize = 8 << 20;

    /// The coding of this name, in any case; `x-gzip` is gzip.
    pub fn parse(token: &str) -> Option<Self> {
        let token = if token.eq_ignore_ascii_case("x-gzip") { "gzip" } else { token };
        Self::ALL.iter().copied().find(|coding| coding.token().eq_ignore_ascii_case(token))
    }

    /// The coding's name.
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

    /// Decompresses a body of which at most `limit` bytes come out, at a ratio of at most [`MAX_RATIO`](Self::MAX_RATIO).
    ///
    /// What a stream says of its own size is not believed: the result grows as it comes, and so do the decoder's own
    /// buffers, which take less than 1 MiB for gzip and deflate and less than 16 MiB for zstd with its largest window.
    ///
    /// # Errors
    /// The body is not wholly one stream of this coding, or more comes out than is allowed.
    pub fn decompress(self, body: &[u8], limit: usize) -> Result<Vec<u8>, CodingError> {
        self.decompress_while(body, limit, &|| true)
    }

    /// The same, given up once `wanted` says no: there are bodies that take many seconds.
    #[cfg_attr(not(feature = "compression"), expect(unused_variables, reason = "there is no coding"))]
    pub(crate) fn decompress_while(
        self,
        body: &[u8],
        limit: usize,
        wanted: &dyn Fn() -> bool,
    ) -> Result<Vec<u8>, CodingError> {
        match self {
            #[cfg(feature = "compression")]
            Coding::Gzip => streams::decompress(body, limit, wanted, streams::gunzip),
            #[cfg(feature = "compression")]
            Coding::Deflate => streams::decompress(body, limit, wanted, streams::inflate),
            #[cfg(feature = "compression")]
            Coding::Zstd => streams::decompress(body, limit, wanted, streams::unzstd),
        }
    }

    /// Whether [`compress`](Self::compress) can make bodies of this coding.
    pub fn compresses(self) -> bool {
        match self {
            #[cfg(feature = "compression")]
            Coding::Gzip | Coding::Deflate => true,
            #[cfg(feature = "compression")]
            Coding::Zstd => false,
        }
    }

    /// Compresses a body, for speed rather than for size. `None`: it would not be smaller, or there is no encoder of this
    /// coding here.
    #[cfg_attr(not(feature = "compression"), expect(unused_variables, reason = "there is no coding"))]
    pub fn compress(self, body: &[u8]) -> Option<Vec<u8>> {
        match self {
            #[cfg(feature = "compression")]
            Coding::Gzip => streams::smaller(body, flate2::bufread::GzEncoder::new(body, LEVEL)),
            #[cfg(feature = "compression")]
            Coding::Deflate => streams::smaller(body, flate2::bufread::ZlibEncoder::new(body, LEVEL)),
            #[cfg(feature = "compression")]
            Coding::Zstd => None,
        }
    }
}
