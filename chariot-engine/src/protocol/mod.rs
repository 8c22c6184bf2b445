//! The wire as plain types: bytes in, values out, values in, bytes out. The server, the runtime and the tasks use it.
//!
//! | file | what it holds |
//! |---|---|
//! | `datatype` | [`DataType`], the data types of a tensor |
//! | `tensor`, `texts`, `ranges`, `convert` | [`TensorData`], the elements of a tensor, those of BYTES, and lossless conversion |
//! | `element` | [`BytesElement`], one element of BYTES |
//! | `form`, `chariot_v2` | [`Form`], what the head of a request says of its body, and the items and answers of `chariot-v2` |
//! | `coding` | [`Coding`], content codings: decompressing within limits, and compressing |
//! | `binary`, `raw` | binary tensors of requests and responses, and one of numbers as it came |
//! | `json`, `finite` | [`JsonText`], a JSON value that is text already, and the check for `NaN` when one is made |
//! | `parameters` | [`Parameters`] of a request or an input |
//! | `request`, `data` | [`InferRequest`] and how it is decoded |
//! | `response`, `encode_error` | [`InferResponse`], how it is encoded, and why it cannot be |
//! | `metadata` | [`ModelMetadata`], what a model says of itself |
//! | `reader`, `string`, `number` | a strict JSON reader over a body that is wholly in memory |
//! | `fault` | where in a body a fault is, and what the caller reads of it |
//! | `place` | how error texts call inputs |
//! | `routes` | the table of routes, which the router and the OpenAPI document read |
//! | `said` | errors of serde, without the caller's payload and without Rust's names |

mod binary;
mod chariot_v2;
mod coding;
mod convert;
mod data;
mod datatype;
mod element;
mod encode_error;
mod fault;
mod finite;
mod form;
mod input_label;
mod json;
mod metadata;
mod number;
mod parameters;
mod ranges;
mod raw;
mod reader;
mod request;
mod response;
pub(crate) mod routes;
mod said;
mod string;
mod tensor;
#[cfg(test)]
mod tests;
mod texts;

pub use binary::JSON_LENGTH_HEADER;
pub(crate) use binary::json_length;
pub(crate) use chariot_v2::encode as encode_chariot_v2;
pub use coding::{Coding, CodingError};
pub use datatype::DataType;
pub use element::BytesElement;
pub use encode_error::EncodeError;
pub use form::{Form, MediaType, PARAMETERS_HEADER, Protocol, Takes};
pub(crate) use input_label::{Origin, input_label};
pub use json::JsonText;
pub use metadata::{ModelMetadata, TensorMetadata};
pub use parameters::Parameters;
pub use request::{InferInput, InferRequest, WantedOutput};
pub use response::{EncodedResponse, InferOutput, InferResponse, ResponseHead};
pub(crate) use said::{json_fault, of_text as in_callers_words};
pub use tensor::{Element, TensorData};
pub(crate) use texts::Text;
