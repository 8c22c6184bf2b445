//! Tensors as cases see them: values, however they were sent or came.
//!
//! | file | holds |
//! |---|---|
//! | `scalar` | one value of any data type, from JSON and from bytes, to bytes |
//! | `tensors` | the tensors of a request and of an answer |

mod scalar;
mod tensors;

pub(crate) use scalar::{Scalar, encode, flat, is_datatype, zero};
pub(crate) use tensors::{Tensor, document, of_answer, of_request};
