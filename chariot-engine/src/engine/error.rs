//! [`StartError`]: why an engine does not start or does not serve on. Embedders meet it; `run` makes an exit code of it.

use std::io;

use crate::{device::DeviceError, settings::SettingsError};

/// Why an engine does not start.
///
/// ```
/// use chariot_engine::{Engine, StartError};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let error = Engine::builder().start().unwrap_err();
/// assert!(matches!(error, StartError::Configuration(_)));
/// # });
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Settings that are missing or cannot be read; all of them.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A device that was asked for by name and cannot be opened.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Something else that the operator or the embedder has to change.
    #[error("{0}")]
    Configuration(String),
    /// The port cannot be opened.
    #[error("the address {address} cannot be listened on: {source}")]
    Bind {
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The model could not be loaded; the text has all the causes.
    #[error("the model could not be loaded: {0}")]
    Load(String),
    /// A device is lost, and nothing will succeed on it any more; the text has all the causes.
    #[error("the device is lost: {0}")]
    DeviceLost(String),
    /// The system gives no thread.
    #[error("a thread cannot be started: {0}")]
    Thread(#[source] io::Error),
    /// The engine was stopped before it was ready.
    #[error("the engine was stopped before it was ready")]
    Stopped,
}

impl StartError {
    /// The exit code of a process that ends by it: 78 for what the operator has to change (`EX_CONFIG`), 74 for a device that is lost
    /// (`EX_IOERR`), else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            StartError::Settings(_) | StartError::Device(_) | StartError::Configuration(_) => 78,
            StartError::DeviceLost(_) => 74,
            StartError::Bind { .. } | StartError::Load(_) | StartError::Thread(_) | StartError::Stopped => 1,
        }
    }
}
