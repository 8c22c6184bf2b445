//! The difference between an expectation and a response.

/// One violation: the expectation and the actual value.
#[derive(Clone, Debug)]
pub(crate) struct Mismatch {
    pub(crate) expected: String,
    pub(crate) got: String,
}

impl Mismatch {
    pub(crate) fn new(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Mismatch { expected: expected.into(), got: got.into() }
    }
}

/// The mismatches that a check found. `Err` is an error in the case itself.
pub(super) type Found = Result<Vec<Mismatch>, String>;
