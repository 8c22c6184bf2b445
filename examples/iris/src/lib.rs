//! Iris flowers: a model that classifies three species by four measurements, and its training data. Used by the engine
//! (`src/main.rs`), the training (`src/bin/train-iris.rs`) and the tests.

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

/// The number of measurements of a flower: the length and width of its sepal, the length and width of its petal.
///
/// ```
/// assert_eq!(iris::FEATURES, 4);
/// ```
pub const FEATURES: usize = 4;
