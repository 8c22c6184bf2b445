//! The reasons why a body is not decompressed.

/// The limit on the size of the result, in multiples of the size of the body. Applies above [`RATIO_THRESHOLD`] only.
pub(super) const MAX_RATIO: usize = 200;

/// The size of the result in bytes up to which [`MAX_RATIO`] does not apply.
pub(super) const RATIO_THRESHOLD: usize = 8 << 20;

/// A body that cannot be decompressed.
///
/// ```
/// # #[cfg(feature = "compression")] {
/// use chariot_engine::protocol::{Coding, CodingError};
///
/// let error = Coding::Gzip.decompress(b"plain text", 1024).unwrap_err();
/// assert_eq!(error, CodingError::Invalid);
/// assert_eq!(error.to_string(), "expected a valid compressed stream, got an invalid one");
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodingError {
    /// The result is larger than the caller of [`Coding::decompress`](super::Coding::decompress) allows.
    #[error("decompressed body exceeds the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The result is larger than [`Coding::MAX_RATIO`](super::Coding::MAX_RATIO) allows.
    #[error("decompressed body exceeds {MAX_RATIO} times its compressed size, the limit above {RATIO_THRESHOLD} bytes")]
    Ratio,
    /// The body ends before its stream does.
    #[error("expected the end of the compressed stream, got the end of the body")]
    Truncated,
    /// The body is not a stream of the coding, or the stream is corrupt.
    #[error("expected a valid compressed stream, got an invalid one")]
    Invalid,
    /// More bytes follow the stream; their number.
    #[error("expected the end of the body after the compressed stream, got {0} more bytes")]
    Trailing(usize),
    /// A valid stream that uses an unsupported option; the message.
    #[error("{0}")]
    Unsupported(String),
    /// The result was no longer needed.
    #[error("decompression was cancelled")]
    Cancelled,
}
