//! [`StartError`]: the errors that stop an engine. Embedders handle them; `run` turns them into an exit code.

use std::io;

use crate::{device::DeviceError, settings::SettingsError};

/// An error that stops an engine before it serves, or ends its service.
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
    /// Settings that are missing or invalid; all of them.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A device that was asked for by name and cannot be opened.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Another fault of configuration, which the operator or the embedder has to fix.
    #[error("{0}")]
    Configuration(String),
    /// An address that cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; set another address with CHARIOT_ENGINE_PORT or CHARIOT_ENGINE_HOST"
    )]
    #[non_exhaustive]
    Bind {
        /// The address.
        address: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A model that failed to load; the text has all the causes.
    #[error("model failed to load: {0}")]
    Load(String),
    /// A device that was lost, so that every later call on it would fail; the text has all the causes.
    #[error("device lost: {0}")]
    DeviceLost(String),
    /// A thread that the operating system could not start.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    /// A shutdown before the engine was ready.
    #[error("engine was stopped before it was ready")]
    Stopped,
}

impl StartError {
    /// Returns the exit code of a process that ends with this error: 78 (`EX_CONFIG`) for a fault that the operator has
    /// to fix, 74 (`EX_IOERR`) for a lost device, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            StartError::Settings(_) | StartError::Device(_) | StartError::Configuration(_) => 78,
            StartError::DeviceLost(_) => 74,
            StartError::Bind { .. } | StartError::Load(_) | StartError::Thread(_) | StartError::Stopped => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_exit_codes() {
        let source = || io::Error::from(io::ErrorKind::AddrInUse);
        let errors = [
            StartError::Bind { address: "0.0.0.0:8080".into(), source: source() },
            StartError::Load("reading the weights: no such file".into()),
            StartError::DeviceLost("out of order".into()),
            StartError::Thread(io::ErrorKind::WouldBlock.into()),
            StartError::Stopped,
        ];
        let lines = errors.iter().map(|error| format!("{} → {error}\n", error.exit_code()));
        insta::assert_snapshot!("messages_and_exit_codes", lines.collect::<String>());
    }
}
