//! The inputs of a model: the trait that decodes one item of a request, and the implementations in the SDK.
//!
//! | file | holds |
//! |---|---|
//! | `decode`, `context` | the trait `Input`, and the context that decoders are given |
//! | `batch_cost` | the share of a batch that an item takes |
//! | `modality` | the modalities: which part of a request an item is decoded from |
//! | `payload` | the data of one item before it is decoded, and its slot in the request |
//! | `text`, `json`, `with_params`, `request` | `Text`, `Json<T>`, `WithParams<I, P>`, and `InferRequest` as inputs |
//! | `prompt`, `prompt_kind`, `sampling` | `Prompt` for models that generate text, and their sampling parameters |
//! | `chat`, `chat_message`, `chat_wire` | `Chat`: a conversation, its messages, and their form on the wire |
//! | `row` | `Row<T>`: one row of structured data |
//! | `tensors`, `tensor_struct`, `tensor_field` | `Tensors`, the traits of derived structs, and the types of their fields |
//! | `candle` | conversion between the protocol's tensors and candle's |
//! | `image` | `Image`, `Pixels`, and their options |
//! | `trace`, `tracer` | the fields of a type, found by deserializing it from generated values |
//! | `example` | example requests for the OpenAPI document |

mod batch_cost;
#[cfg(feature = "candle")]
mod candle;
mod chat;
mod chat_message;
mod chat_wire;
mod context;
mod decode;
mod example;
#[cfg(feature = "image")]
pub mod image;
mod json;
pub mod modality;
mod payload;
mod prompt;
mod prompt_kind;
mod request;
mod row;
mod sampling;
mod schema;
mod tensor_field;
mod tensor_struct;
mod tensors;
#[cfg(test)]
mod tests;
mod text;
mod trace;
mod tracer;
mod with_params;

pub use batch_cost::BatchCost;
pub use chat::{Chat, ChatContent};
pub use chat_message::{ChatMessage, ChatPart, Role};
pub use context::DecodeContext;
pub use decode::Input;
pub use json::Json;
pub use modality::Modality;
pub use payload::{ElementPayload, EncodedOutput, Slot};
#[doc(hidden)]
pub use payload::{HasParameters, Unit};
pub use prompt::Prompt;
#[doc(hidden)]
pub use prompt_kind::PromptKind;
pub use row::{Row, RowPayload};
pub use sampling::Sampling;
pub use tensor_field::TensorField;
pub use tensor_struct::{FromTensors, IntoTensors, TensorReader, decode_tensors};
pub use tensors::Tensors;
pub use text::Text;
pub use with_params::WithParams;
