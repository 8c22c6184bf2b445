//! What the runtime's own settings choose from: the device, the layout of outputs, the log.

use std::fmt;

use super::{SettingKind, SettingText, SettingValue, Settings};

/// Which device to compute on: `auto`, `cpu`, `cuda` (the first), `cuda:1`, `metal`.
///
/// ```
/// use chariot_engine::settings::{DeviceChoice, SettingValue};
///
/// assert_eq!(DeviceChoice::parse("CUDA:1"), Ok(DeviceChoice::Cuda(Some(1))));
/// assert_eq!(DeviceChoice::parse("cuda"), Ok(DeviceChoice::Cuda(None)));
/// assert_eq!(DeviceChoice::Metal.to_string(), "metal");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeviceChoice {
    /// The best that really opens: CUDA, then Metal, then the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The NVIDIA GPU of this number, counted from 0; the first where no number is given.
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

/// How the answers to several items of a request are laid out.
///
/// ```
/// use chariot_engine::settings::{OutputLayout, SettingValue};
///
/// assert_eq!(OutputLayout::parse("Columns"), Ok(OutputLayout::Columns));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Settings)]
pub enum OutputLayout {
    /// One object an item.
    Objects,
    /// One output a column.
    Columns,
}

/// How an answer stands in the `data` of an output: as a value, or as a string that holds its JSON.
///
/// ```
/// use chariot_engine::settings::{OutputEncoding, SettingValue};
///
/// assert_eq!(OutputEncoding::parse("STRING"), Ok(OutputEncoding::String));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Settings)]
pub enum OutputEncoding {
    /// A native JSON value.
    #[default]
    Json,
    /// A string that is the value's JSON text.
    String,
}

/// How much is logged, from nothing to everything.
///
/// ```
/// use chariot_engine::settings::{LogLevel, SettingValue};
///
/// assert_eq!(LogLevel::parse("DEBUG"), Ok(LogLevel::Debug));
/// assert!(LogLevel::Warn < LogLevel::Info);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Settings)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// What an operator should look at.
    Warn,
    /// What happens: starting, ready, draining.
    #[default]
    Info,
    /// How it happens.
    Debug,
    /// Everything.
    Trace,
}

/// How a log line looks.
///
/// ```
/// use chariot_engine::settings::{LogFormat, SettingValue};
///
/// assert_eq!(LogFormat::parse("json"), Ok(LogFormat::Json));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Settings)]
pub enum LogFormat {
    /// For people.
    Human,
    /// For machines: one JSON object a line.
    Json,
}
