//! TIFF: a look at a file's first directory before its decoder sees it. `decode` calls it.
//!
//! | file | holds |
//! |---|---|
//! | `directory` | the entries of a directory |
//! | `check` | the variants that are decoded, and sizes that the decoder trusts |
//! | `alpha` | straight alpha from premultiplied alpha |

mod alpha;
mod check;
mod directory;

pub(super) use alpha::straighten;
pub(super) use check::{Alpha, Checked, check};
