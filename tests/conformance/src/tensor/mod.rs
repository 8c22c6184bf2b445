//! Tensors as values, independent of their form on the wire.
//!
//! | file | holds |
//! |---|---|
//! | `scalar` | one value of any datatype, from JSON and from bytes, to bytes |
//! | `tensors` | the tensors of a request and of a response |

mod scalar;
mod tensors;

pub(crate) use scalar::{Scalar, encode, flat, is_datatype, zero};
pub(crate) use tensors::{Tensor, document, of_answer, of_request};
