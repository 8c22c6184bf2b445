//! What was expected and what came.

/// One thing that is not as it should be.
#[derive(Clone, Debug)]
pub(crate) struct Mismatch {
    pub(crate) expected: String,
    pub(crate) came: String,
}

impl Mismatch {
    pub(super) fn new(expected: impl Into<String>, came: impl Into<String>) -> Self {
        Mismatch { expected: expected.into(), came: came.into() }
    }
}

/// What a check found: nothing, or what is wrong. `Err` is a fault of the case itself.
pub(super) type Found = Result<Vec<Mismatch>, String>;
