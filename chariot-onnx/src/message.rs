//! The form of a message, "expected X, got Y". All files of this crate call it.

use std::fmt::Display;

use chariot_engine::Error;

/// Returns the error "expected X, got Y".
pub(crate) fn expected(what: impl Display, got: impl Display) -> Error {
    Error::from(format!("expected {what}, got {got}"))
}
