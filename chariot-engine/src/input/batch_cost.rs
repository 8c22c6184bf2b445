//! [`BatchCost`]: the share of a batch that an item takes.

/// The cost of an item in a batch, and the group of items that it may share a batch with.
///
/// The unit of the cost is up to the engine (items, rows, tokens, pixels) and the same as in
/// [`Spec::max_batch`](crate::model::Spec::max_batch).
///
/// ```
/// use chariot_engine::model::BatchCost;
///
/// let cost = BatchCost::new(128).group(1);
/// assert_eq!((cost.cost, cost.group), (128, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchCost {
    /// The cost of the item, in the engine's own unit. Default: 1.
    pub cost: usize,
    /// The group of the item. A batch contains items of one group only. Default: 0.
    pub group: u64,
}

impl Default for BatchCost {
    /// Returns a cost of 1 in group 0.
    fn default() -> Self {
        BatchCost::new(1)
    }
}

impl BatchCost {
    /// Creates a cost in group 0.
    pub fn new(cost: usize) -> Self {
        BatchCost { cost, group: 0 }
    }

    /// Sets the group: a batch contains items of one group only (for example texts of similar length).
    #[must_use]
    pub fn group(mut self, group: u64) -> Self {
        self.group = group;
        self
    }
}
