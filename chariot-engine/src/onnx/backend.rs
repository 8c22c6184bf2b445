//! [`OnnxBackend`], the name of a program that runs ONNX models. `options` and `model` choose one.

use std::{fmt, str::FromStr};

use crate::error::{Error, Expected, Result, quoted};

/// The program that runs ONNX models.
///
/// ```
/// use chariot_engine::onnx::OnnxBackend;
///
/// let backend: OnnxBackend = "tract".parse()?;
/// assert_eq!(backend, OnnxBackend::Tract);
/// assert_eq!(OnnxBackend::OnnxRuntime.to_string(), "onnx-runtime");
/// # Ok::<(), chariot_engine::onnx::UnknownBackend>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, crate::SettingChoice)]
#[non_exhaustive]
pub enum OnnxBackend {
    /// ONNX Runtime, `onnx-runtime`: the fastest, with all operators of ONNX. Needs its shared library beside the engine.
    #[setting(name = "onnx-runtime")]
    OnnxRuntime,
    /// tract, `tract`: in Rust, without a library. Lacks some operators and data types, and computes on the CPU with one
    /// thread.
    Tract,
}

impl OnnxBackend {
    /// Every backend, built in or not. The first that is built in is the default, and of both ONNX Runtime if its library is found.
    pub const ALL: &[OnnxBackend] = &[OnnxBackend::OnnxRuntime, OnnxBackend::Tract];

    /// Returns the name: `onnx-runtime` or `tract`.
    pub fn as_str(self) -> &'static str {
        match self {
            OnnxBackend::OnnxRuntime => "onnx-runtime",
            OnnxBackend::Tract => "tract",
        }
    }

    /// Returns the feature of this crate that builds the backend in: `onnx` or `onnx-tract`.
    pub fn feature(self) -> &'static str {
        match self {
            OnnxBackend::OnnxRuntime => "onnx",
            OnnxBackend::Tract => "onnx-tract",
        }
    }

    /// Returns `true` if the feature of the backend is enabled.
    pub fn is_built_in(self) -> bool {
        match self {
            OnnxBackend::OnnxRuntime => cfg!(feature = "onnx"),
            OnnxBackend::Tract => cfg!(feature = "onnx-tract"),
        }
    }

    /// Returns the wanted backend, or the first that is built in.
    ///
    /// # Errors
    /// Returns an error that names the feature if the wanted backend is not built in.
    pub(super) fn choose(wanted: Option<OnnxBackend>) -> Result<OnnxBackend> {
        let backend = match wanted {
            Some(backend) => backend,
            None => {
                OnnxBackend::ALL.iter().copied().find(|backend| backend.is_built_in()).unwrap_or(OnnxBackend::Tract)
            }
        };
        match backend.is_built_in() {
            true => Ok(backend),
            false => Err(Error::from(format!(
                "the backend {backend} is not built in; enable the feature '{}' of chariot-engine",
                backend.feature()
            ))),
        }
    }
}

impl fmt::Display for OnnxBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for OnnxBackend {
    type Err = UnknownBackend;

    fn from_str(name: &str) -> Result<Self, UnknownBackend> {
        let known = OnnxBackend::ALL.iter().copied().find(|backend| backend.as_str() == name);
        known.ok_or_else(|| UnknownBackend(Expected::new("onnx-runtime or tract", quoted(name)).into()))
    }
}

/// The error of parsing a name that is no backend's.
///
/// ```
/// use chariot_engine::onnx::OnnxBackend;
///
/// let error = "torch".parse::<OnnxBackend>().unwrap_err();
/// assert_eq!(error.to_string(), "expected onnx-runtime or tract, got 'torch'");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownBackend(String);
