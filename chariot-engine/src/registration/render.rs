//! The renderings of an [`EngineDescription`], as its methods.

use super::{description::EngineDescription, kserve, kubernetes, manifest::ManifestOptions, python, warnings};

impl EngineDescription {
    /// Renders the registration as JSON.
    pub fn to_json(&self) -> String {
        // Serialization of plain data with string keys cannot fail.
        let json = serde_json::to_string_pretty(&self.registration).expect("a registration is JSON");
        json + "\n"
    }

    /// Renders a Python program that uses the platform's SDK to register the engine, import its model and serve the model
    /// with the engine.
    pub fn to_python(&self) -> String {
        python::program(self)
    }

    /// Returns what is valid but will hurt once the engine is registered, each with what to do: an image that no registry
    /// has or that can change, a probe that gives up while the model loads, and settings that the platform's form cannot
    /// hold.
    pub fn warnings(&self) -> Vec<String> {
        warnings::warnings(self)
    }

    /// Returns those of the [`warnings`](Self::warnings) that are about the images, and so about the manifests too.
    pub fn image_warnings(&self) -> Vec<String> {
        warnings::image_warnings(self)
    }

    /// Renders a Deployment, a Service and a HorizontalPodAutoscaler for Kubernetes, as YAML.
    pub fn to_kubernetes(&self, options: &ManifestOptions) -> String {
        kubernetes::manifests(self, options)
    }

    /// Renders a ServingRuntime and an InferenceService for KServe, as YAML.
    pub fn to_kserve(&self, options: &ManifestOptions) -> String {
        kserve::manifests(self, options)
    }
}
