//! [`EngineDescription`]: the input of every rendering. `EngineBuilder::describe` creates it.

use std::time::Duration;

use super::document::Registration;
use crate::{settings::SettingSpec, tasks::ClassLabels};

/// The facts of a registration that the engine's code does not contain.
///
/// ```
/// use chariot_engine::registration::DescribeOptions;
///
/// let options = DescribeOptions::new().image_cpu("registry/digits:1");
/// assert_eq!(options.image_cpu.as_deref(), Some("registry/digits:1"));
/// assert!(!options.is_default);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DescribeOptions {
    /// The ID of the project that the engine belongs to.
    pub project_id: Option<String>,
    /// The image for machines without a GPU. Default: `name:version`, if there is no image at all.
    pub image_cpu: Option<String>,
    /// The image for machines with a GPU.
    pub image_gpu: Option<String>,
    /// The name of the organization that the engine belongs to, for the program that registers it.
    pub org_name: Option<String>,
    /// The name of the project that the engine belongs to, for the program that registers it.
    pub project_name: Option<String>,
    /// Makes this version the default for models that name no version.
    pub is_default: bool,
    /// The base URL path. Replaces the one that the code sets.
    pub base_url: Option<String>,
    /// Offers operators all of the runtime's settings that they can change, not only the commonly changed ones.
    pub all_settings: bool,
    /// The labels of the model's classes, for the import of the model.
    pub class_labels: Option<ClassLabels>,
    /// The time that the model takes to load, warm-up included, as the command `check` prints it. The readiness probe and
    /// the manifests then wait for twice this time.
    pub load_time: Option<Duration>,
}

impl DescribeOptions {
    /// Creates options that set nothing.
    pub fn new() -> Self {
        DescribeOptions::default()
    }

    /// Sets the ID of the project that the engine belongs to.
    #[must_use]
    pub fn project_id(mut self, id: impl Into<String>) -> Self {
        self.project_id = Some(id.into());
        self
    }

    /// Sets the name of the organization that the engine belongs to.
    #[must_use]
    pub fn org_name(mut self, name: impl Into<String>) -> Self {
        self.org_name = Some(name.into());
        self
    }

    /// Sets the name of the project that the engine belongs to.
    #[must_use]
    pub fn project_name(mut self, name: impl Into<String>) -> Self {
        self.project_name = Some(name.into());
        self
    }

    /// Sets the image for machines without a GPU.
    #[must_use]
    pub fn image_cpu(mut self, image: impl Into<String>) -> Self {
        self.image_cpu = Some(image.into());
        self
    }

    /// Sets the image for machines with a GPU.
    #[must_use]
    pub fn image_gpu(mut self, image: impl Into<String>) -> Self {
        self.image_gpu = Some(image.into());
        self
    }

    /// Offers an operator all settings of the runtime that depend on the model, its traffic or its machine, and not only
    /// the common ones.
    #[must_use]
    pub fn all_settings(mut self) -> Self {
        self.all_settings = true;
        self
    }

    /// Makes this version the default for models that name no version.
    #[must_use]
    pub fn default_version(mut self) -> Self {
        self.is_default = true;
        self
    }

    /// Sets the base URL path, in place of the one that the code sets.
    #[must_use]
    pub fn base_url(mut self, path: impl Into<String>) -> Self {
        self.base_url = Some(path.into());
        self
    }

    /// Sets the labels of the model's classes.
    #[must_use]
    pub fn class_labels(mut self, labels: ClassLabels) -> Self {
        self.class_labels = Some(labels);
        self
    }

    /// Sets the time that the model takes to load.
    #[must_use]
    pub fn load_time(mut self, time: Duration) -> Self {
        self.load_time = Some(time);
        self
    }
}

/// The facts that are known of an engine before it runs. [`EngineBuilder::describe`](crate::EngineBuilder::describe)
/// derives them from the code alone.
///
/// ```
/// use chariot_engine::registration::{EngineDescription, ManifestOptions};
///
/// fn manifests(description: &EngineDescription) -> [String; 2] {
///     let options = ManifestOptions::new();
///     [description.to_kubernetes(&options), description.to_kserve(&options)]
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EngineDescription {
    /// The parameters of its registration.
    pub registration: Registration,
    /// The name of the organization that the engine belongs to, if it is known.
    pub org_name: Option<String>,
    /// The name of the project that the engine belongs to, if it is known.
    pub project_name: Option<String>,
    /// Set if the image is made up of the engine's name and version, because none was given.
    pub placeholder_image: bool,
    /// The time that the model takes to load, if it is known.
    pub load_time: Option<Duration>,
    /// Chariot's task of the model, if it declares one.
    pub task: Option<String>,
    /// The labels of the model's classes, if they are known.
    pub class_labels: Option<ClassLabels>,
    /// The time for which the engine still accepts requests after SIGTERM.
    pub drain_delay: Duration,
    /// The time that running requests have to finish after the drain delay.
    pub grace: Duration,
    /// The limit on the bytes of all requests in flight.
    pub inflight_bytes: u64,
    /// The number of concurrent calls of the model per worker.
    pub concurrency: usize,
    /// The number of workers, if the code sets it.
    pub workers: Option<usize>,
    /// The limit on concurrent calls of all workers, if the code sets it.
    pub max_concurrency: Option<usize>,
    /// Set if items of several requests share a call.
    pub batches: bool,
    /// Set if the engine serves metrics.
    pub metrics: bool,
    /// The settings of its models.
    pub own_settings: Vec<SettingSpec>,
}

impl EngineDescription {
    /// Returns the image that the manifests run: the one for CPUs if there is one, else the one for GPUs.
    pub(super) fn image(&self) -> &str {
        let Registration { container_image_cpu, container_image_gpu, .. } = &self.registration;
        container_image_cpu.as_deref().or(container_image_gpu.as_deref()).unwrap_or_default()
    }

    /// Returns `true` if the base URL contains the model's ID.
    pub(super) fn needs_model_id(&self) -> bool {
        self.registration.container_root_relative_base_url.as_deref().is_some_and(|url| url.contains("{model_id}"))
    }

    /// Returns `true` if the manifests request a GPU.
    pub(super) fn wants_gpu(&self) -> bool {
        self.registration.container_image_cpu.is_none()
    }
}
