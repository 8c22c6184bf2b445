//! Which devices there are, and which one to use. The runtime asks once, when it starts.
//!
//! What was asked for by name is used or is an error; only `auto` looks for the best device that really opens.

mod fault;

use std::fmt;

pub use fault::DeviceFault;
pub(crate) use fault::classify;

use crate::{error::BoxError, settings::DeviceChoice};

/// Where a model's tensors live: candle's device.
#[cfg(feature = "candle")]
pub use candle_core::Device;

/// Where a model computes. Without the feature `candle` there is the CPU only.
#[cfg(not(feature = "candle"))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// The CPU.
    Cpu,
}

/// The name of a device, as logs and settings write it.
///
/// ```
/// use chariot_engine::device::DeviceId;
///
/// assert_eq!(DeviceId::Cuda(1).to_string(), "cuda:1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceId {
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU, by its index among those that are visible.
    Cuda(usize),
    /// An Apple GPU.
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

/// The devices of a machine: what can be tried. A test fakes it.
///
/// ```
/// use chariot_engine::{device::{DeviceId, Inventory, select}, settings::DeviceChoice};
///
/// struct NoGpu;
///
/// impl Inventory for NoGpu {
///     type Device = &'static str;
///
///     fn open(&self, id: DeviceId) -> Result<&'static str, chariot_engine::BoxError> {
///         if id == DeviceId::Cpu { Ok("the CPU") } else { Err("no driver".into()) }
///     }
/// }
///
/// let chosen = select(DeviceChoice::Auto, &NoGpu).unwrap();
/// assert_eq!(chosen.devices, [(DeviceId::Cpu, "the CPU")]);
/// assert!(select(DeviceChoice::Metal, &NoGpu).is_err());
/// ```
pub trait Inventory {
    /// What opening a device gives.
    type Device;

    /// Opens a device for real: that it was compiled in says nothing.
    ///
    /// # Errors
    /// The device is not there, or not in this build.
    fn open(&self, id: DeviceId) -> Result<Self::Device, BoxError>;
}

/// The devices that were chosen, and those that were tried before them.
#[derive(Debug)]
pub struct Selection<D> {
    /// Which they are, open; at least one. The model is loaded on each of them.
    pub devices: Vec<(DeviceId, D)>,
    /// What was tried in vain, and why it could not be opened.
    pub tried: Vec<(DeviceId, String)>,
}

/// A device that was asked for and cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the device {id} was asked for and cannot be opened: {reason}; CHARIOT_ENGINE_DEVICE=auto takes what is there")]
pub struct DeviceError {
    id: DeviceId,
    reason: String,
}

/// Chooses devices: the one that was asked for; for `cuda` every NVIDIA GPU that opens, one after the other; for `auto`
/// these, or the first of Metal and CPU that opens. A platform makes visible what an engine is to use.
///
/// # Errors
/// The device that was asked for cannot be opened. There is no silent fall back.
pub fn select<I: Inventory + ?Sized>(choice: DeviceChoice, inventory: &I) -> Result<Selection<I::Device>, DeviceError> {
    let candidates: &[DeviceId] = match choice {
        DeviceChoice::Auto => &[DeviceId::Cuda(0), DeviceId::Metal(0), DeviceId::Cpu],
        DeviceChoice::Cpu => &[DeviceId::Cpu],
        DeviceChoice::Cuda(index) => &[DeviceId::Cuda(index.unwrap_or(0))],
        DeviceChoice::Metal => &[DeviceId::Metal(0)],
    };
    let all = matches!(choice, DeviceChoice::Auto | DeviceChoice::Cuda(None));
    let mut tried = Vec::new();
    for &id in candidates {
        match inventory.open(id) {
            Ok(device) => {
                let mut devices = vec![(id, device)];
                if all && id == DeviceId::Cuda(0) {
                    let others = (1..MOST_DEVICES).map(DeviceId::Cuda);
                    devices.extend(others.map_while(|id| Some((id, inventory.open(id).ok()?))));
                }
                return Ok(Selection { devices, tried });
            }
            // candle's texts may have a backtrace behind their first line.
            Err(error) => tried.push((id, error.to_string().lines().next().unwrap_or_default().to_string())),
        }
    }
    let (id, reason) = tried.pop().unwrap_or((DeviceId::Cpu, "there is no device".into()));
    Err(DeviceError { id, reason })
}

/// More GPUs than any machine has.
const MOST_DEVICES: usize = 64;

/// The devices of this machine that this build can use.
#[derive(Debug)]
pub(crate) struct Machine;

impl Inventory for Machine {
    type Device = Device;

    fn open(&self, id: DeviceId) -> Result<Device, BoxError> {
        match id {
            DeviceId::Cpu => Ok(Device::Cpu),
            // Both functions are there in every build of candle, so they are checked in every build of ours.
            #[cfg(feature = "candle")]
            DeviceId::Cuda(index) if cfg!(feature = "cuda") => Ok(Device::new_cuda(index)?),
            #[cfg(feature = "candle")]
            DeviceId::Metal(index) if cfg!(feature = "metal") => Ok(Device::new_metal(index)?),
            DeviceId::Cuda(_) => Err("this build has no CUDA (feature `cuda`)".into()),
            DeviceId::Metal(_) => Err("this build has no Metal (feature `metal`)".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake(&'static [DeviceId]);

    impl Inventory for Fake {
        type Device = DeviceId;

        fn open(&self, id: DeviceId) -> Result<DeviceId, BoxError> {
            if self.0.contains(&id) { Ok(id) } else { Err(format!("no {id} here\nbacktrace").into()) }
        }
    }

    #[test]
    fn auto_takes_the_best_that_opens_and_says_what_it_tried() {
        use DeviceId::{Cpu, Cuda, Metal};
        for (there, expected, tried) in
            [(&[Cpu, Cuda(0), Metal(0)][..], Cuda(0), 0), (&[Cpu, Metal(0)], Metal(0), 1), (&[Cpu], Cpu, 2)]
        {
            let chosen = select(DeviceChoice::Auto, &Fake(there)).unwrap();
            assert_eq!((chosen.devices, chosen.tried.len()), (vec![(expected, expected)], tried));
        }
        let chosen = select(DeviceChoice::Auto, &Fake(&[Cpu])).unwrap();
        assert_eq!(chosen.tried[0], (Cuda(0), "no cuda:0 here".to_string()));
    }

    fn ids(choice: DeviceChoice, inventory: &Fake) -> Vec<DeviceId> {
        select(choice, inventory).unwrap().devices.into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn every_gpu_that_is_visible_is_taken() {
        use DeviceId::{Cpu, Cuda, Metal};
        let three = Fake(&[Cpu, Cuda(0), Cuda(1), Cuda(2), Metal(0)]);
        for choice in [DeviceChoice::Auto, DeviceChoice::Cuda(None)] {
            assert_eq!(ids(choice, &three), [Cuda(0), Cuda(1), Cuda(2)]);
        }
        assert_eq!(ids(DeviceChoice::Cuda(Some(2)), &three), [Cuda(2)]);
        assert_eq!(ids(DeviceChoice::Metal, &three), [Metal(0)]);
        assert_eq!(ids(DeviceChoice::Cpu, &three), [Cpu]);
    }

    #[test]
    fn what_was_asked_for_never_falls_back() {
        let cpu = Fake(&[DeviceId::Cpu]);
        for choice in [DeviceChoice::Cuda(None), DeviceChoice::Cuda(Some(1)), DeviceChoice::Metal] {
            let error = select(choice, &cpu).unwrap_err().to_string();
            assert!(error.contains("cannot be opened"), "{error}");
        }
        let two = Fake(&[DeviceId::Cuda(0), DeviceId::Cuda(1)]);
        assert_eq!(ids(DeviceChoice::Cuda(Some(1)), &two), [DeviceId::Cuda(1)]);
    }
}
