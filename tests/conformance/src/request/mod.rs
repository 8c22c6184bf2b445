//! A case's request, made for a server: its bytes, and what was sent in it.
//!
//! | file | holds |
//! |---|---|
//! | `build` | a request from a step of a case |
//! | `patch` | RFC 6902 with placeholders |
//! | `binary` | a JSON request as one with binary tensors |
//! | `coding` | compressing a body, and reading one that is compressed |

mod binary;
mod build;
mod coding;
mod patch;

pub(crate) use build::{Made, make};
pub(crate) use coding::decompress;
