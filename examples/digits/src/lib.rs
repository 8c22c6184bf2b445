//! Handwritten digits: the network, its preprocessing, and its training data. Used by the engine (`src/main.rs`), the
//! training (`src/bin/train`) and the tests.

mod data;
mod ink;
mod net;

pub use data::{Digit, accuracy, pixels, read, split};
pub use ink::ink;
pub use net::Cnn;

/// The number of classes: the digits 0 to 9. A digit is its own class id.
///
/// ```
/// assert_eq!(digits::CLASSES, 10);
/// ```
pub const CLASSES: usize = 10;

/// The width and height of the images that the network takes, in pixels.
///
/// ```
/// assert_eq!(digits::SIDE, 8);
/// ```
pub const SIDE: usize = 8;
