//! [`DeviceId`], the name of a device.

use std::fmt;

/// The name of a device, as logs and settings write it.
///
/// ```
/// use chariot_engine::device::DeviceId;
///
/// assert_eq!(DeviceId::Cuda(1).to_string(), "cuda:1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceId {
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU, by its index among the visible ones.
    Cuda(usize),
    /// An Apple GPU, by its index.
    Metal(usize),
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceId::Cpu => f.write_str("cpu"),
            DeviceId::Cuda(index) => write!(f, "cuda:{index}"),
            DeviceId::Metal(index) => write!(f, "metal:{index}"),
        }
    }
}
