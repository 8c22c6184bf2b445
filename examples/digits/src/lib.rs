//! Hand-written digits: the network, the step that makes any picture readable to it, and the data it was trained on.
//! The engine (`src/main.rs`), the training (`src/bin/train`) and the tests call it.

mod data;
mod ink;
mod net;

pub use data::{Digit, accuracy, pixels, read, split};
pub use ink::ink;
pub use net::Cnn;

/// How many classes there are: the digits 0 to 9, and a digit is its own class id.
///
/// ```
/// assert_eq!(digits::CLASSES, 10);
/// ```
pub const CLASSES: usize = 10;

/// Width and height of a picture as the network sees it, in pixels.
///
/// ```
/// assert_eq!(digits::SIDE, 8);
/// ```
pub const SIDE: usize = 8;
