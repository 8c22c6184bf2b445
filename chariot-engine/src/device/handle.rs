//! [`Device`], the device that a model computes on.

use super::id::DeviceId;

/// A device that a model computes on.
///
/// The type is the same with and without the feature `candle`; with it, [`as_candle`](Self::as_candle) returns candle's
/// device. Clones refer to the same device.
///
/// ```
/// use chariot_engine::device::{Device, DeviceId};
///
/// assert_eq!(Device::cpu().id(), DeviceId::Cpu);
/// ```
#[derive(Clone, Debug)]
pub struct Device {
    id: DeviceId,
    #[cfg(feature = "candle")]
    candle: candle_core::Device,
}

impl Device {
    /// Returns the CPU.
    pub fn cpu() -> Self {
        Device {
            id: DeviceId::Cpu,
            #[cfg(feature = "candle")]
            candle: candle_core::Device::Cpu,
        }
    }

    /// Wraps a device of candle.
    ///
    /// Open each GPU once and clone the device: candle treats two devices that are opened for one GPU as different.
    ///
    /// ```
    /// use chariot_engine::{candle, device::{Device, DeviceId}};
    ///
    /// let device = Device::from_candle(candle::Device::Cpu);
    /// assert_eq!(device.id(), DeviceId::Cpu);
    /// ```
    #[cfg(feature = "candle")]
    pub fn from_candle(device: candle_core::Device) -> Self {
        use candle_core::DeviceLocation;

        let id = match device.location() {
            DeviceLocation::Cpu => DeviceId::Cpu,
            DeviceLocation::Cuda { gpu_id } => DeviceId::Cuda(gpu_id),
            DeviceLocation::Metal { gpu_id } => DeviceId::Metal(gpu_id),
        };
        Device { id, candle: device }
    }

    /// Returns the name of the device.
    pub fn id(&self) -> DeviceId {
        self.id
    }

    /// Returns candle's device, on which to create and load tensors.
    ///
    /// ```
    /// use chariot_engine::{candle::{DType, Tensor}, device::Device};
    ///
    /// let zeros = Tensor::zeros((2, 3), DType::F32, Device::cpu().as_candle())?;
    /// assert_eq!(zeros.dims(), [2, 3]);
    /// # Ok::<(), chariot_engine::candle::Error>(())
    /// ```
    #[cfg(feature = "candle")]
    pub fn as_candle(&self) -> &candle_core::Device {
        &self.candle
    }
}
