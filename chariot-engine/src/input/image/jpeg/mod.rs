//! JPEG: a look at a file's structure, and decoding it by the decoder that is right for it. `decode` and `tiff` call it.
//!
//! | file | holds |
//! |---|---|
//! | `head` | the frame, the scans and the colors of a file, read from its segments |
//! | `scan` | one scan, as its header describes it |
//! | `decode` | the choice of a decoder, and decoding |

mod decode;
mod head;
mod scan;

pub(super) use decode::{decode, plain_pixels};
