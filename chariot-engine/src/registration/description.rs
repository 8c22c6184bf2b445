//! [`Description`]: what the renderings know of an engine. `EngineBuilder::describe` makes one.

use std::time::Duration;

use super::{Manifest, Registration, kserve, kubernetes, python};
use crate::{settings::SettingSpec, tasks::ClassLabels};

/// What a registration needs to know beyond the engine's code.
///
/// ```
/// use chariot_engine::registration::DescribeOptions;
///
/// let options = DescribeOptions { image_cpu: Some("registry/digits:1".into()), ..DescribeOptions::default() };
/// assert!(!options.is_default);
/// ```
#[derive(Clone, Debug, Default)]
pub struct DescribeOptions {
    /// The project that the engine belongs to.
    pub project_id: Option<String>,
    /// The image for machines without a GPU. Where no image is named at all, it is `name:version`.
    pub image_cpu: Option<String>,
    /// The image for machines with a GPU.
    pub image_gpu: Option<String>,
    /// Whether it is the version that a model gets which names none.
    pub is_default: bool,
    /// The path to serve under, in place of the one that the code says.
    pub base_url: Option<String>,
    /// Offers operators all of the runtime's settings that they can change, not only the commonly changed ones.
    pub all_settings: bool,
    /// The labels of the model's classes, for the import of the model.
    pub class_labels: Option<ClassLabels>,
}

/// What there is to say of an engine before it runs. [`EngineBuilder::describe`](crate::EngineBuilder::describe) makes
/// one, from the code alone.
///
/// ```
/// use chariot_engine::registration::{Description, Manifest};
///
/// fn manifests(description: &Description) -> [String; 2] {
///     [description.to_kubernetes(&Manifest::default()), description.to_kserve(&Manifest::default())]
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Description {
    /// The parameters of its registration.
    pub registration: Registration,
    /// Chariot's task that it does, if it declares one.
    pub task: Option<String>,
    /// The labels of its model's classes, if they are known.
    pub class_labels: Option<ClassLabels>,
    /// How long it still accepts requests after the signal to stop.
    pub drain_delay: Duration,
    /// How long requests that run may take to finish after that.
    pub grace: Duration,
    /// The most bytes that requests in flight may hold.
    pub inflight_bytes: u64,
    /// How many calls of the model a worker makes at once.
    pub concurrency: usize,
    /// The workers, where the code says how many.
    pub workers: Option<usize>,
    /// The most calls at once, where the code says so.
    pub max_concurrency: Option<usize>,
    /// Whether requests share calls.
    pub batches: bool,
    /// Whether it has metrics to be scraped.
    pub metrics: bool,
    /// The settings of its models.
    pub own_settings: Vec<SettingSpec>,
}

impl Description {
    /// The registration as JSON.
    pub fn to_json(&self) -> String {
        // Plain data with keys that are texts.
        let json = serde_json::to_string_pretty(&self.registration).expect("a registration is JSON");
        json + "\n"
    }

    /// A Python program that registers the engine, imports its model and has the one serve the other, by the platform's
    /// SDK.
    pub fn to_python(&self) -> String {
        python::program(self)
    }

    /// A Deployment, a Service and a HorizontalPodAutoscaler of Kubernetes, as YAML.
    pub fn to_kubernetes(&self, manifest: &Manifest) -> String {
        kubernetes::manifests(self, manifest)
    }

    /// A ServingRuntime and an InferenceService of KServe, as YAML.
    pub fn to_kserve(&self, manifest: &Manifest) -> String {
        kserve::manifests(self, manifest)
    }

    /// The image that the manifests run: the one for CPUs, if there is one.
    pub(super) fn image(&self) -> &str {
        let Registration { container_image_cpu, container_image_gpu, .. } = &self.registration;
        container_image_cpu.as_deref().or(container_image_gpu.as_deref()).unwrap_or_default()
    }

    /// Whether the base URL names the model by its id.
    pub(super) fn needs_model_id(&self) -> bool {
        self.registration.container_root_relative_base_url.as_deref().is_some_and(|url| url.contains("{model_id}"))
    }

    /// Whether the manifests ask for a GPU.
    pub(super) fn wants_gpu(&self) -> bool {
        self.registration.container_image_cpu.is_none()
    }
}
