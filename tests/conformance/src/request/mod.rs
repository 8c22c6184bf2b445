//! The request of a case, built for a server: its bytes and its tensors.
//!
//! | file | holds |
//! |---|---|
//! | `build` | a request from a step of a case |
//! | `patch` | RFC 6902 with placeholders |
//! | `binary` | conversion to binary tensors |
//! | `coding` | compression and decompression of bodies |

mod binary;
mod build;
mod coding;
mod patch;

pub(crate) use build::{Made, make};
pub(crate) use coding::decompress;
