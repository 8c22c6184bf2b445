//! The memory map of a weights file: one of the two uses of `unsafe` in the SDK. `weights` calls it.
//!
//! Mapping is what lets a model of many gigabytes start at once and share its pages with the kernel's cache. It is
//! unsafe because a file that is changed or cut short by another process while it is mapped changes memory that Rust
//! believes constant, or ends the process with SIGBUS. The platform mounts the model directory read-only, which rules
//! both out; `safetensors_buffered` is there for everybody else.

use std::path::Path;

use candle_core::safetensors::MmapedSafetensors;

/// Maps a file of safetensors.
pub(super) fn map(path: &Path) -> candle_core::Result<MmapedSafetensors> {
    // SAFETY: the model directory is mounted read-only by the platform, and `LoadContext::safetensors` documents that
    // its file must not change while the engine runs.
    unsafe { MmapedSafetensors::new(path) }
}
