//! [`Gpus`]: GPUs that compute on the CPU, for tests with several devices.

use crate::{
    device::{Device, DeviceId, Inventory},
    error::BoxError,
};

/// An inventory of this number of GPUs, which compute on the CPU.
///
/// ```
/// use chariot_engine::{Engine, testing::Gpus};
///
/// let builder = Engine::builder().inventory(Gpus(2)).setting("CHARIOT_ENGINE_DEVICE", "cuda");
/// # let _ = builder;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gpus(pub usize);

impl Inventory for Gpus {
    type Device = Device;

    fn open(&self, id: DeviceId) -> Result<Device, BoxError> {
        match id {
            DeviceId::Cuda(index) if index < self.0 => Ok(Device::cpu()),
            id => Err(format!("no {id} among {} GPUs", self.0).into()),
        }
    }
}
