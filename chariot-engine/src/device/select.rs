//! [`select`], the choice among the devices of an inventory.

use super::id::DeviceId;
use crate::{error::BoxError, settings::DeviceChoice};

/// A source of devices: this machine, or a fake in a test.
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
/// let selection = select(DeviceChoice::Auto, &NoGpu).unwrap();
/// assert_eq!(selection.devices, [(DeviceId::Cpu, "the CPU")]);
/// assert!(select(DeviceChoice::Metal, &NoGpu).is_err());
/// ```
pub trait Inventory {
    /// The type of an open device.
    type Device;

    /// Opens a device. Must try the device itself: that a build supports it does not mean that it is present.
    ///
    /// # Errors
    /// Returns an error if the device is not present or not supported by this build.
    fn open(&self, id: DeviceId) -> Result<Self::Device, BoxError>;
}

/// The devices that [`select`] chose, and those that it tried before.
#[derive(Debug)]
#[non_exhaustive]
pub struct Selection<D> {
    /// The open devices with their names, at least one. The model is loaded on each of them.
    pub devices: Vec<(DeviceId, D)>,
    /// The devices that could not be opened, each with the reason.
    pub tried: Vec<(DeviceId, String)>,
}

/// An error for a device that was requested and cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the requested device {id}: {reason}; CHARIOT_ENGINE_DEVICE=auto selects an available device")]
pub struct DeviceError {
    id: DeviceId,
    reason: String,
}

/// Chooses the devices to use.
///
/// A device with a number is that device; `cuda` is every NVIDIA GPU that opens, from `cuda:0` on; `auto` is all of
/// those, or else the first of Metal and the CPU that opens. The platform decides which GPUs are visible to the process.
///
/// # Errors
/// Returns an error if the requested device cannot be opened. There is no silent fallback.
pub fn select<I: Inventory + ?Sized>(choice: DeviceChoice, inventory: &I) -> Result<Selection<I::Device>, DeviceError> {
    let candidates: &[DeviceId] = match choice {
        DeviceChoice::Auto => &[DeviceId::Cuda(0), DeviceId::Metal(0), DeviceId::Cpu],
        DeviceChoice::Cpu => &[DeviceId::Cpu],
        DeviceChoice::Cuda(index) => &[DeviceId::Cuda(index.unwrap_or(0))],
        DeviceChoice::Metal => &[DeviceId::Metal(0)],
    };
    let takes_all = matches!(choice, DeviceChoice::Auto | DeviceChoice::Cuda(None));
    let mut tried = Vec::new();
    for &id in candidates {
        match inventory.open(id) {
            Ok(device) => {
                let mut devices = vec![(id, device)];
                if takes_all && id == DeviceId::Cuda(0) {
                    let others = (1..MAX_DEVICES).map(DeviceId::Cuda);
                    devices.extend(others.map_while(|id| Some((id, inventory.open(id).ok()?))));
                }
                return Ok(Selection { devices, tried });
            }
            // candle's errors can have a backtrace after their first line.
            Err(error) => tried.push((id, error.to_string().lines().next().unwrap_or_default().to_string())),
        }
    }
    let (id, reason) = tried.pop().unwrap_or((DeviceId::Cpu, "no device to try".into()));
    Err(DeviceError { id, reason })
}

/// A limit above the number of GPUs in any machine.
const MAX_DEVICES: usize = 64;

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
    fn auto_selects_the_best_device_that_opens_and_reports_what_it_tried() {
        use DeviceId::{Cpu, Cuda, Metal};
        for (present, expected, tried) in
            [(&[Cpu, Cuda(0), Metal(0)][..], Cuda(0), 0), (&[Cpu, Metal(0)], Metal(0), 1), (&[Cpu], Cpu, 2)]
        {
            let selection = select(DeviceChoice::Auto, &Fake(present)).unwrap();
            assert_eq!((selection.devices, selection.tried.len()), (vec![(expected, expected)], tried));
        }
        let selection = select(DeviceChoice::Auto, &Fake(&[Cpu])).unwrap();
        assert_eq!(selection.tried[0], (Cuda(0), "no cuda:0 here".to_string()));
    }

    fn ids(choice: DeviceChoice, inventory: &Fake) -> Vec<DeviceId> {
        select(choice, inventory).unwrap().devices.into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn every_visible_gpu_is_used() {
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
    fn a_requested_device_never_falls_back() {
        let cpu = Fake(&[DeviceId::Cpu]);
        let mut messages = String::new();
        for choice in [DeviceChoice::Cuda(None), DeviceChoice::Cuda(Some(1)), DeviceChoice::Metal] {
            messages += &format!("{choice} → {}\n", select(choice, &cpu).unwrap_err());
        }
        insta::assert_snapshot!("requested_device", messages);
        let two = Fake(&[DeviceId::Cuda(0), DeviceId::Cuda(1)]);
        assert_eq!(ids(DeviceChoice::Cuda(Some(1)), &two), [DeviceId::Cuda(1)]);
    }
}
