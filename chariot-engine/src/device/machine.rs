//! [`Machine`], the inventory of the machine that the process runs on.

use super::{handle::Device, id::DeviceId, select::Inventory};
use crate::error::BoxError;

/// The devices of this machine that this build can use.
#[derive(Debug)]
pub(crate) struct Machine;

impl Inventory for Machine {
    type Device = Device;

    fn open(&self, id: DeviceId) -> Result<Device, BoxError> {
        match id {
            DeviceId::Cpu => Ok(Device::cpu()),
            // candle has both functions in every build, so that the compiler checks these lines in every build too.
            #[cfg(feature = "candle")]
            DeviceId::Cuda(index) if cfg!(feature = "cuda") => {
                Ok(Device::from_candle(candle_core::Device::new_cuda(index)?))
            }
            #[cfg(feature = "candle")]
            DeviceId::Metal(index) if cfg!(feature = "metal") => {
                Ok(Device::from_candle(candle_core::Device::new_metal(index)?))
            }
            DeviceId::Cuda(_) => Err("this build has no CUDA support (feature `cuda`)".into()),
            DeviceId::Metal(_) => Err("this build has no Metal support (feature `metal`)".into()),
        }
    }
}
