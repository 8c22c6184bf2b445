//! Content codings: decompression of request bodies within limits, and compression of responses. The server uses it.
//!
//! | file | contents |
//! |---|---|
//! | `content_coding` | [`Coding`], the content codings |
//! | `streams` | the formats of the codings |
//! | `error` | [`CodingError`], the reasons why a body is not decompressed, and the limits on the size of the result |

mod content_coding;
mod error;
#[cfg(feature = "compression")]
mod streams;
#[cfg(all(test, feature = "compression"))]
mod tests;

pub use content_coding::Coding;
pub use error::CodingError;
