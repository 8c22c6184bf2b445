//! Iris flowers: the model that tells three species apart by four measurements, and the data it was trained on. The
//! engine (`src/main.rs`), the training (`src/bin/train-iris.rs`) and the tests call it.

mod data;
mod net;

pub use data::{Flower, accuracy, features, read, split};
pub use net::Net;

/// The species, in the order of their class ids.
///
/// ```
/// assert_eq!(iris::SPECIES[1], "versicolor");
/// ```
pub const SPECIES: [&str; 3] = ["setosa", "versicolor", "virginica"];

/// How many measurements there are of a flower: length and width of the sepal, length and width of the petal.
///
/// ```
/// assert_eq!(iris::FEATURES, 4);
/// ```
pub const FEATURES: usize = 4;
