//! The devices of a machine, and the choice among them. The runtime chooses once, when it starts.
//!
//! A device that was requested by name is used, or starting fails; only `auto` looks for the best device that opens.
//!
//! | file | contents |
//! |---|---|
//! | `handle` | [`Device`], the device that a model computes on |
//! | `id` | [`DeviceId`], the name of a device |
//! | `select` | [`select`], the choice among the devices of an [`Inventory`] |
//! | `machine` | the inventory of this machine |
//! | `fault` | [`DeviceFault`], the device errors among the errors of a model |

mod fault;
mod handle;
mod id;
mod machine;
mod select;

pub use fault::DeviceFault;
pub(crate) use fault::classify;
pub use handle::Device;
pub use id::DeviceId;
pub(crate) use machine::Machine;
pub use select::{DeviceError, Inventory, Selection, select};
