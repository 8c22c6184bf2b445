//! What must be told to register and to deploy an engine: the parameters of a registration with Chariot, and manifests
//! of Kubernetes and of KServe. All of it is a function of a [`Description`], which the engine's code and a few options
//! give; nothing is read from the process. The command `describe` prints it; [the guide](crate::guide::registration) says
//! what is in it and why.
//!
//! ```
//! use chariot_engine::{prelude::*, registration::DescribeOptions};
//!
//! # struct Shout;
//! # impl Model for Shout {
//! #     type Settings = ();
//! #     type Input = Text;
//! #     type Output = Json<String>;
//! #     async fn load(_: &LoadContext) -> Result<Self> { Ok(Shout) }
//! #     async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> { batch.try_map(|t| Ok(Json(t.as_str().to_uppercase()))) }
//! # }
//! let options = DescribeOptions { base_url: Some("/m-{model_id}".into()), ..DescribeOptions::default() };
//! let description = Engine::builder().model::<Shout>("shout").version("1.2.0").describe(options).unwrap();
//! assert_eq!(description.registration.container_image_cpu.as_deref(), Some("shout:1.2.0"));
//! assert_eq!(description.registration.readiness_probe.path, "/ready");
//! assert_eq!(description.registration.env[0].name, "CHARIOT_ENGINE_BASE_URL");
//! assert!(description.to_python().contains("engines.create_engine_version("));
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `description` | what the renderings know of an engine |
//! | `document` | the parameters of a registration, as plain data |
//! | `operator` | which of the runtime's settings an operator is asked for |
//! | `manifest` | what the manifests have in common: resources, probes, the end of a pod |
//! | `kubernetes`, `kserve`, `python` | the renderings |
//! | `text` | texts as YAML, Python and names of Kubernetes have them |

mod description;
mod document;
mod kserve;
mod kubernetes;
mod manifest;
mod operator;
mod python;
#[cfg(test)]
mod tests;
mod text;

pub use description::{DescribeOptions, Description};
pub use document::{Environ, Probe, Registration};
pub use manifest::{Manifest, ScaleBy};
pub(crate) use operator::operator_settings;
