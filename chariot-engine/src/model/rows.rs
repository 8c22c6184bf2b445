//! [`Rows`]: the rows of joined tensors that belong to each request.

use std::ops::Range;

use crate::{
    error::{Expected, Result},
    input::IntoTensors,
};

/// The rows of joined tensors that belong to each request. Returned by [`Batch::join`](super::Batch::join).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows(Vec<Range<usize>>);

impl Rows {
    /// Creates the rows of requests with these numbers of rows.
    pub(super) fn from_counts(counts: impl Iterator<Item = usize>) -> Self {
        let mut start = 0;
        let range = |count| {
            let range = start..start + count;
            start = range.end;
            range
        };
        Rows(counts.map(range).collect())
    }

    /// Splits an output for all rows into one output for each request.
    ///
    /// ```
    /// use chariot_engine::prelude::*;
    ///
    /// #[derive(TensorInput)]
    /// struct Pairs {
    ///     #[tensor(shape = [n, 2])]
    ///     pair: Vec<f32>,
    /// }
    ///
    /// #[derive(TensorOutput)]
    /// struct Sums {
    ///     #[tensor(shape = [n])]
    ///     sum: Vec<f32>,
    /// }
    ///
    /// let batch = Batch::new([Pairs { pair: vec![1., 2.] }, Pairs { pair: vec![3., 4., 5., 6.] }]);
    /// let (all, rows) = batch.join().unwrap();
    /// let sums = Sums { sum: all.pair.chunks(2).map(|pair| pair[0] + pair[1]).collect() };
    /// let outputs = rows.split(sums).unwrap();
    /// assert_eq!(outputs[1].sum, [7., 11.]);
    /// ```
    ///
    /// # Errors
    /// Returns an error if the output does not have as many rows as the joined input, or if the device fails.
    pub fn split<O: IntoTensors>(&self, output: O) -> Result<Vec<O>> {
        let expected = self.0.last().map_or(0, |range| range.end);
        if output.rows() != expected {
            let what = format_args!("an output of {expected} rows, as in the input");
            return Err(String::from(Expected::new(what, output.rows())).into());
        }
        if self.0.len() == 1 {
            return Ok(vec![output]);
        }
        self.0.iter().map(|range| output.slice(range.clone())).collect()
    }
}
