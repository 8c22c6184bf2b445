//! Registration and deployment: the parameters of a registration with Chariot, and manifests for Kubernetes and KServe.
//! Everything is derived from an [`EngineDescription`], which comes from the engine's code and a few options. Nothing is
//! read from the process. The command `describe` prints the renderings; [the guide](crate::guide::registering) explains
//! their content. Requires the feature `cli`.
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
//! let options = DescribeOptions::new().base_url("/m-{model_id}");
//! let description = Engine::builder().model::<Shout>("shout").version("1.2.0").describe(options).unwrap();
//! assert_eq!(description.registration.container_image_cpu.as_deref(), Some("shout:1.2.0"));
//! assert_eq!(description.registration.readiness_probe.path, "/ready");
//! assert_eq!(description.registration.env[0].name, "CHARIOT_ENGINE_BASE_URL");
//! assert!(description.to_python().contains("engines.create_engine_version("));
//! ```
//!
//! | file | contents |
//! |---|---|
//! | `description` | the input of every rendering |
//! | `document` | the parameters of a registration, as plain data |
//! | `operator` | the runtime's settings that an operator is offered |
//! | `manifest` | the parts that all manifests share: resources, probes, environment variables, termination |
//! | `kubernetes`, `kserve`, `python` | the renderings |
//! | `render` | the renderings as methods of the description |
//! | `warnings` | what is valid but will hurt |
//! | `image` | references of container images |
//! | `text` | quoting for YAML and Python, and names for Kubernetes |

mod description;
mod document;
mod image;
mod kserve;
mod kubernetes;
mod manifest;
mod operator;
mod python;
mod render;
#[cfg(test)]
mod tests;
mod text;
mod warnings;

pub use description::{DescribeOptions, EngineDescription};
pub use document::{EnvVar, Probe, Registration};
pub use manifest::{ManifestOptions, ScaleBy};
pub(crate) use operator::operator_settings;
