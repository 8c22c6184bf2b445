#![doc = include_str!("docs/crate.md")]
#![deny(unsafe_code)]

extern crate self as chariot_engine;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
#[cfg(feature = "cli")]
mod cli;
#[cfg(all(feature = "dev", unix))]
mod dev;
pub mod device;
mod engine;
mod error;
mod files;
#[cfg(any(doc, doctest))]
pub mod guide;
mod inflight;
pub mod input;
pub mod model;
#[cfg(any(feature = "onnx", feature = "onnx-tract"))]
pub mod onnx;
#[cfg(feature = "openai")]
mod openai;
mod openapi;
#[cfg(feature = "candle")]
pub mod ops;
pub mod output;
#[cfg(feature = "page")]
mod page;
pub mod prelude;
pub mod protocol;
#[cfg(feature = "cli")]
pub mod registration;
mod runtime;
pub mod server;
pub mod settings;
mod signature;
pub mod tasks;
pub mod telemetry;
#[cfg(any(feature = "test-util", doc))]
pub mod testing;
#[cfg(feature = "text")]
pub mod text;

#[cfg(feature = "image")]
#[doc(no_inline)]
pub use ::image;
#[cfg(feature = "candle")]
#[doc(no_inline)]
pub use candle_core as candle;
#[cfg(feature = "candle")]
#[doc(no_inline)]
pub use candle_nn;
#[doc = include_str!("docs/tensor_input.md")]
pub use chariot_engine_macros::TensorInput;
#[doc = include_str!("docs/tensor_output.md")]
pub use chariot_engine_macros::TensorOutput;
#[doc = include_str!("docs/chariot_engine.md")]
pub use chariot_engine_macros::chariot_engine;
pub use engine::{
    Engine, EngineBuilder, InferCall, InferEvent, InferStream, ModelOptions, ServedModel, ServedModels, StartError,
};
pub use error::{BoxError, Context, Error, ErrorKind, Rejection, Result};
#[cfg(feature = "image")]
pub use input::image::{Image, Pixels};
pub use model::Model;
pub use runtime::{InFlight, State};
pub use settings::{SettingChoice, Settings};
