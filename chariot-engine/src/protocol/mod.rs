//! The wire as plain types: decodes request bodies and encodes response bodies. The server, the runtime and the tasks use
//! it.
//!
//! | file | contents |
//! |---|---|
//! | `datatype` | [`DataType`], the data types of a tensor |
//! | `little_endian` | how a Rust type is stored in a binary tensor |
//! | `elements` | [`ElementType`], and the elements of a tensor as typed vectors |
//! | `binary_elements` | the elements of a binary tensor as a slice of the body |
//! | `bytes_element`, `bytes_data`, `ranges` | [`BytesElement`], and the elements of a BYTES tensor |
//! | `nested_bytes` | the elements of a BYTES tensor that are nested like its shape |
//! | `tensor`, `convert` | [`TensorData`], the data of one tensor, and conversion between data types |
//! | `version` | [`Protocol`], the protocols |
//! | `media_type`, `picture` | [`MediaType`], and the first bytes of image files |
//! | `body_format` | [`BodyFormat`], which protocol a body speaks, from its headers and its first bytes |
//! | `chariot_v2` | the items and outputs of `chariot-v2` |
//! | `multipart`, `form` | the parts of a body of `multipart/form-data`, and the items in them |
//! | `coding/` | [`Coding`], content codings: decompression within limits, and compression |
//! | `json_text`, `finite` | [`JsonText`], a JSON value kept as text, and the rejection of `NaN` while one is written |
//! | `parameters` | [`Parameters`] of a request or an input |
//! | `request`, `decode` | [`InferRequest`] and its decoder |
//! | `data`, `leaves` | decoding of the `data` of an input |
//! | `binary` | binary tensors of requests and responses |
//! | `translation` | requests and responses of other protocols |
//! | `response`, `encode_error` | [`InferResponse`], its encoder, and the reasons why encoding fails |
//! | `write_numbers`, `write_string` | lists of numbers, and strings, as JSON |
//! | `metadata` | [`ModelMetadata`], the metadata of a model |
//! | `meter`, `metered` | `Meter`, memory that is reserved before it is taken, and serde's decoders of an author's types with one |
//! | `reader`, `string`, `number`, `decimal` | a strict JSON reader over a complete body |
//! | `number_run` | the fast reader of plain numbers in lists, the only `unsafe` code of this room |
//! | `half_rounding` | rounding to FP16 and BF16 |
//! | `fault` | a fault in a body, with its location |
//! | `input_label` | the names of inputs in error messages |
//! | `routes` | the table of routes, which the router and the OpenAPI document read |
//! | `trace_context` | [`TraceContext`], the place of a request in a distributed trace |
//! | `serde_error` | errors of serde as messages without the caller's payload and without Rust's type names |

mod binary;
mod binary_elements;
mod body_format;
mod bytes_data;
mod bytes_element;
mod chariot_v2;
mod coding;
mod convert;
mod data;
mod datatype;
mod decimal;
mod decode;
mod elements;
mod encode_error;
mod fault;
mod finite;
mod form;
mod half_rounding;
mod input_label;
mod json_text;
mod leaves;
mod little_endian;
mod media_type;
mod metadata;
mod meter;
mod metered;
mod multipart;
mod nested_bytes;
mod number;
#[allow(unsafe_code)]
mod number_run;
mod parameters;
mod picture;
mod ranges;
mod reader;
mod request;
mod response;
pub(crate) mod routes;
mod serde_error;
mod string;
mod tensor;
#[cfg(test)]
mod tests;
mod trace_context;
mod translation;
mod version;
mod write_numbers;
mod write_string;

pub use binary::JSON_LENGTH_HEADER;
pub(crate) use binary::json_length;
pub use body_format::{Accepts, BodyFormat};
pub(crate) use bytes_data::BytesElementRef;
pub use bytes_element::BytesElement;
pub(crate) use chariot_v2::encode as encode_chariot_v2;
pub use coding::{Coding, CodingError};
pub use datatype::DataType;
pub use elements::ElementType;
pub use encode_error::EncodeError;
pub(crate) use input_label::{Origin, input_label};
pub use json_text::JsonText;
pub use media_type::MediaType;
pub use metadata::{ModelMetadata, TensorMetadata};
pub(crate) use meter::{Meter, Reserve, block};
pub(crate) use metered::Metered;
pub use parameters::Parameters;
pub use request::{InferInput, InferRequest, WantedOutput};
pub use response::{EncodedResponse, InferOutput, InferResponse, ResponseHead};
pub(crate) use serde_error::{json_fault, public_message};
pub use tensor::TensorData;
pub use trace_context::TraceContext;
pub(crate) use trace_context::TraceId;
pub(crate) use translation::{EventForm, ResponseForm, TranslatedRequest};
pub use version::{PARAMETERS_HEADER, Protocol};
