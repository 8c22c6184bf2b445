//! Tests of an engine: of its model alone, or of the whole engine without a socket. Behind the feature `test-util`, for
//! dev-dependencies.
//!
//! [`infer`] and [`Batch::new`](crate::model::Batch::new) call a model directly. [`TestEngine`] starts an engine and
//! sends it requests as the server would: routes, decoding, admission, workers and encoding are the real ones.
//!
//! | file | holds |
//! |---|---|
//! | `items` | batches and items of plain values |
//! | `infer` | one call of a model |
//! | `control` | a model whose calls a test holds, releases and fails |
//! | `devices` | GPUs that compute on the CPU |
//! | `clock` | a clock that a test advances |
//! | `engine` | an engine without a socket, and its responses |
//!
//! ```toml
//! [dev-dependencies]
//! chariot-engine = { version = "0.1", features = ["test-util"] }
//! ```
//!
//! ```
//! use chariot_engine::{prelude::*, testing::TestEngine};
//!
//! # struct Shout;
//! # impl Model for Shout {
//! #     type Settings = ();
//! #     type Input = Text;
//! #     type Output = Json<String>;
//! #     async fn load(_: &LoadContext) -> Result<Self> { Ok(Shout) }
//! #     async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> { batch.try_map(|t| Ok(Json(t.as_str().to_uppercase()))) }
//! # }
//! let engine = TestEngine::start(Engine::builder().model::<Shout>("shout")).unwrap();
//! let response = engine.infer(r#"{"inputs": [{"name": "a", "data": ["hello"]}]}"#);
//! assert_eq!(response.status, 200);
//! assert_eq!(response.json()["outputs"][0]["data"][0], "HELLO");
//!
//! let response = engine.infer(r#"{"inputs": [{"name": "a", "data": [7]}]}"#);
//! assert_eq!(response.status, 400);
//! assert!(response.error().starts_with("input 'a': "));
//! ```

mod clock;
mod control;
mod devices;
mod engine;
mod infer;
mod items;

pub use control::{Control, Controlled, controlled};
pub use devices::Gpus;
pub use engine::{Pending, TestEngine, TestResponse};
pub use infer::infer;
pub use items::item;
