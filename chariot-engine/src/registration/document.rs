//! The parameters of a registration, as the platform's `create_engine_version` names them.

use serde::Serialize;

use crate::settings::PredictorEnv;

/// The parameters of a registration, every one, in the platform's words. As JSON it is the document.
///
/// ```
/// use chariot_engine::registration::Registration;
///
/// fn images(registration: &Registration) -> impl Iterator<Item = &str> {
///     [&registration.container_image_cpu, &registration.container_image_gpu].into_iter().flatten().map(String::as_str)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Registration {
    /// The engine's name.
    pub name: String,
    /// The project that it belongs to; `None` is for whoever registers it to say.
    pub project_id: Option<String>,
    /// The engine's version.
    pub version: String,
    /// The image for machines without a GPU.
    pub container_image_cpu: Option<String>,
    /// The image for machines with one. At least one of the two is there.
    pub container_image_gpu: Option<String>,
    /// Whether it is the version that a model gets which names none.
    pub is_default: bool,
    /// Whether it makes use of more than one GPU, which every engine with an image for GPUs does.
    pub supports_multi_gpu: bool,
    /// Variables that every container gets.
    pub env: Vec<Environ>,
    /// How the platform asks whether the engine can serve.
    pub readiness_probe: Probe,
    /// What an operator can set.
    pub predictor_env_schema: Vec<PredictorEnv>,
    /// Whether an operator can set nothing else.
    pub enforce_predictor_env_schema: bool,
    /// The protocol that the platform speaks to it.
    pub inference_protocol: String,
    /// The path under which the engine serves; `None` for the root.
    pub container_root_relative_base_url: Option<String>,
    /// The container's entrypoint, in place of the image's.
    pub entrypoint: Option<Vec<String>>,
    /// The container's command, in place of the image's.
    pub command: Option<Vec<String>>,
}

/// A variable that a container gets.
///
/// ```
/// use chariot_engine::registration::Environ;
///
/// let variable = Environ { name: "CHARIOT_ENGINE_BASE_URL".into(), value: "/a".into() };
/// assert_eq!(serde_json::to_string(&variable).unwrap(), r#"{"name":"CHARIOT_ENGINE_BASE_URL","value":"/a"}"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Environ {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// How the platform asks whether the engine can serve. Times are in seconds.
///
/// ```
/// use chariot_engine::registration::Probe;
///
/// let probe = Probe::new(8080);
/// assert_eq!((probe.path.as_str(), probe.port), ("/ready", 8080));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// The path. It is answered under the base URL and beside it.
    pub path: String,
    /// The port.
    pub port: u16,
    /// How long to wait before the first question.
    pub initial_delay_seconds: u32,
    /// How long an answer may take.
    pub timeout_seconds: u32,
    /// How often to ask.
    pub period_seconds: u32,
    /// How many answers in a row make an engine ready.
    pub success_threshold: u32,
    /// How many failures in a row make it not ready.
    pub failure_threshold: u32,
}

impl Probe {
    /// The probe of an engine on this port: it may be asked at once, since the port is open before the model is loaded,
    /// and an answer takes no time, whatever the model does.
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
}
