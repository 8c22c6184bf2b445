//! The parameters of a registration, as the platform's `create_engine_version` names them.

use std::time::Duration;

use serde::Serialize;

use crate::settings::PredictorEnv;

/// All parameters of a registration, by the platform's names. Serializes to the JSON document that `describe` prints.
///
/// ```
/// use chariot_engine::registration::Registration;
///
/// let mut registration = Registration::new("digits", "1.0.0");
/// registration.container_image_cpu = Some("registry/digits:1.0.0".into());
/// assert_eq!(registration.inference_protocol, "chariot-v2-kserve");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Registration {
    /// The engine's name.
    pub name: String,
    /// The ID of the project that the engine belongs to. `None` leaves it to whoever registers the engine.
    pub project_id: Option<String>,
    /// The engine's version.
    pub version: String,
    /// The image for machines without a GPU.
    pub container_image_cpu: Option<String>,
    /// The image for machines with a GPU. At least one of the two images is required.
    pub container_image_gpu: Option<String>,
    /// Makes this version the default for models that name no version.
    pub is_default: bool,
    /// Set if the engine can use more than one GPU. Every engine with an image for GPUs can.
    pub supports_multi_gpu: bool,
    /// The environment variables of every container.
    pub env: Vec<EnvVar>,
    /// The probe by which the platform checks readiness.
    pub readiness_probe: Probe,
    /// The settings that an operator is offered.
    pub predictor_env_schema: Vec<PredictorEnv>,
    /// Limits an operator to the settings of `predictor_env_schema`.
    pub enforce_predictor_env_schema: bool,
    /// The protocol of the platform's requests.
    pub inference_protocol: String,
    /// The path under which the engine serves. `None` is the root.
    pub container_root_relative_base_url: Option<String>,
    /// The container's entrypoint. `None` is the image's.
    pub entrypoint: Option<Vec<String>>,
    /// The container's command. `None` is the image's.
    pub command: Option<Vec<String>>,
}

impl Registration {
    /// Creates a registration of an engine on port 8080 that speaks `chariot-v2-kserve`, without images and settings.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Registration {
            name: name.into(),
            project_id: None,
            version: version.into(),
            container_image_cpu: None,
            container_image_gpu: None,
            is_default: false,
            supports_multi_gpu: false,
            env: Vec::new(),
            readiness_probe: Probe::new(8080),
            predictor_env_schema: Vec::new(),
            enforce_predictor_env_schema: true,
            inference_protocol: "chariot-v2-kserve".into(),
            container_root_relative_base_url: None,
            entrypoint: None,
            command: None,
        }
    }
}

/// An environment variable of a container.
///
/// ```
/// use chariot_engine::registration::EnvVar;
///
/// let variable = EnvVar::new("CHARIOT_ENGINE_BASE_URL", "/a");
/// assert_eq!(serde_json::to_string(&variable).unwrap(), r#"{"name":"CHARIOT_ENGINE_BASE_URL","value":"/a"}"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EnvVar {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

impl EnvVar {
    /// Creates a variable.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        EnvVar { name: name.into(), value: value.into() }
    }
}

/// The readiness probe of the platform. Times are in seconds.
///
/// ```
/// use chariot_engine::registration::Probe;
///
/// let probe = Probe::new(8080);
/// assert_eq!((probe.path.as_str(), probe.port), ("/ready", 8080));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Probe {
    /// The path. The engine serves it at the root as well as under the base URL.
    pub path: String,
    /// The port.
    pub port: u16,
    /// The delay before the first probe.
    pub initial_delay_seconds: u32,
    /// The timeout of one probe.
    pub timeout_seconds: u32,
    /// The interval between probes.
    pub period_seconds: u32,
    /// The number of consecutive successes that make the engine ready.
    pub success_threshold: u32,
    /// The number of consecutive failures that make the engine not ready.
    pub failure_threshold: u32,
}

impl Probe {
    /// Creates the probe of an engine on this port. It needs no initial delay, since the port is open before the model is
    /// loaded, and a short timeout suffices, since a probe never waits for the model.
    pub fn new(port: u16) -> Self {
        Probe {
            path: "/ready".into(),
            port,
            initial_delay_seconds: 0,
            timeout_seconds: 5,
            period_seconds: 5,
            success_threshold: 1,
            failure_threshold: 3,
        }
    }

    /// Returns the time from the start of a container after which the probe has failed as often as it may.
    ///
    /// ```
    /// use chariot_engine::registration::Probe;
    ///
    /// assert_eq!(Probe::new(8080).patience().as_secs(), 15);
    /// ```
    pub fn patience(&self) -> Duration {
        let failing = u64::from(self.period_seconds) * u64::from(self.failure_threshold);
        Duration::from_secs(u64::from(self.initial_delay_seconds) + failing)
    }

    /// Allows as many failures as it takes to wait twice the time that the model needs to load: a busy node is slower
    /// than the machine of a measurement.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use chariot_engine::registration::Probe;
    ///
    /// let probe = Probe::new(8080).for_load_time(Duration::from_secs(60));
    /// assert_eq!((probe.failure_threshold, probe.patience().as_secs()), (24, 120));
    /// ```
    #[must_use]
    pub fn for_load_time(mut self, load_time: Duration) -> Self {
        let wait = load_time.saturating_mul(2).as_secs_f64() - f64::from(self.initial_delay_seconds);
        // A cast of a float saturates.
        let failures = (wait / f64::from(self.period_seconds.max(1))).ceil() as u32;
        self.failure_threshold = self.failure_threshold.max(failures);
        self
    }
}
