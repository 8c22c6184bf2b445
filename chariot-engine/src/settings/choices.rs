//! The enums among the runtime's own settings: the device, the layout and encoding of outputs, logging.

use std::fmt;

use super::{
    kind::SettingKind,
    value::{SettingText, SettingValue},
};

/// The device to compute on: `auto`, `cpu`, `cuda`, `cuda:1`, `metal`.
///
/// ```
/// use chariot_engine::settings::{DeviceChoice, SettingValue};
///
/// assert_eq!(DeviceChoice::parse("CUDA:1"), Ok(DeviceChoice::Cuda(Some(1))));
/// assert_eq!(DeviceChoice::parse("cuda"), Ok(DeviceChoice::Cuda(None)));
/// assert_eq!(DeviceChoice::Metal.to_string(), "metal");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceChoice {
    /// The best device that opens: every NVIDIA GPU, else Metal, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The NVIDIA GPU with this index, counted from 0, or every visible one if there is no index.
    Cuda(Option<usize>),
    /// The Apple GPU.
    Metal,
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceChoice::Auto => f.write_str("auto"),
            DeviceChoice::Cpu => f.write_str("cpu"),
            DeviceChoice::Cuda(None) => f.write_str("cuda"),
            DeviceChoice::Cuda(Some(number)) => write!(f, "cuda:{number}"),
            DeviceChoice::Metal => f.write_str("metal"),
        }
    }
}

impl SettingText for DeviceChoice {}
impl SettingValue for DeviceChoice {
    const KIND: SettingKind = SettingKind::String;

    fn expected() -> String {
        "one of auto, cpu, cuda, cuda:1, metal".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(DeviceChoice::Auto),
            "cpu" => Ok(DeviceChoice::Cpu),
            "cuda" => Ok(DeviceChoice::Cuda(None)),
            "metal" => Ok(DeviceChoice::Metal),
            other => {
                let number = other.strip_prefix("cuda:").and_then(|number| number.parse().ok());
                number.map(|number| DeviceChoice::Cuda(Some(number))).ok_or_else(Self::expected)
            }
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// The layout of the outputs for the items of a request.
///
/// ```
/// use chariot_engine::settings::{OutputLayout, SettingValue};
///
/// assert_eq!(OutputLayout::parse("Columns"), Ok(OutputLayout::Columns));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, crate::SettingChoice)]
#[non_exhaustive]
pub enum OutputLayout {
    /// One object per item.
    Objects,
    /// One output per column.
    Columns,
}

/// The encoding of an output in `data`: a JSON value, or a string that contains JSON.
///
/// ```
/// use chariot_engine::settings::{OutputEncoding, SettingValue};
///
/// assert_eq!(OutputEncoding::parse("STRING"), Ok(OutputEncoding::String));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, crate::SettingChoice)]
#[non_exhaustive]
pub enum OutputEncoding {
    /// A JSON value.
    #[default]
    Json,
    /// A string that contains the value as JSON.
    String,
}

/// The most detailed level that is logged.
///
/// ```
/// use chariot_engine::settings::{LogLevel, SettingValue};
///
/// assert_eq!(LogLevel::parse("DEBUG"), Ok(LogLevel::Debug));
/// assert!(LogLevel::Warn < LogLevel::Info);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, crate::SettingChoice)]
#[non_exhaustive]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// Errors.
    Error,
    /// Warnings: conditions that an operator should check.
    Warn,
    /// Events in the life of the engine: starting, ready, draining.
    #[default]
    Info,
    /// Details of those events.
    Debug,
    /// Everything.
    Trace,
}

/// The inference requests that have a line in the log.
///
/// ```
/// use chariot_engine::settings::{RequestLog, SettingValue};
///
/// assert_eq!(RequestLog::parse("ALL"), Ok(RequestLog::All));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, crate::SettingChoice)]
#[non_exhaustive]
pub enum RequestLog {
    /// None.
    Off,
    /// Those whose response is an error.
    #[default]
    Errors,
    /// All.
    All,
}

/// The format of log lines.
///
/// ```
/// use chariot_engine::settings::{LogFormat, SettingValue};
///
/// assert_eq!(LogFormat::parse("json"), Ok(LogFormat::Json));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, crate::SettingChoice)]
#[non_exhaustive]
pub enum LogFormat {
    /// Text for people.
    Human,
    /// One JSON object per line.
    Json,
}
