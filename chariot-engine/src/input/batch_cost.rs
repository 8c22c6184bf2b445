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
    /// The tokens that cost 1: those of the row of a short text.
    pub(crate) const TOKENS: usize = 16;

    /// Creates a cost in group 0.
    pub fn new(cost: usize) -> Self {
        BatchCost { cost, group: 0 }
    }

    /// Creates the cost of a row of this many tokens, padding included: 1 for each 16 tokens, rounded up, and 1 at least.
    ///
    /// With the default of [`Spec::max_batch`](crate::model::Spec::max_batch) a call takes 32 short texts, or two of 256
    /// tokens. [`Spec::max_tokens`](crate::model::Spec::max_tokens) sets another limit.
    ///
    /// ```
    /// use chariot_engine::model::BatchCost;
    ///
    /// assert_eq!([1, 16, 17, 256].map(|tokens| BatchCost::tokens(tokens).cost), [1, 1, 2, 16]);
    /// ```
    pub fn tokens(tokens: usize) -> Self {
        BatchCost::new(tokens.div_ceil(Self::TOKENS).max(1))
    }

    /// Sets the group: a batch contains items of one group only (for example texts of similar length).
    #[must_use]
    pub fn group(mut self, group: u64) -> Self {
        self.group = group;
        self
    }
}
