//! The memory map of a weights file: one of the few uses of `unsafe` in the SDK.
//!
//! A mapped model of many gigabytes loads at once and shares its pages with the kernel's cache. Mapping is unsafe because
//! a process that modifies or truncates the file changes memory that Rust assumes to be constant, or ends this process
//! with SIGBUS. The platform mounts the model directory read-only, which rules out both. Where that is not guaranteed,
//! use `safetensors_buffered`.

use std::path::Path;

use candle_core::safetensors::MmapedSafetensors;

/// Maps a safetensors file.
pub(super) fn map(path: &Path) -> candle_core::Result<MmapedSafetensors> {
    // SAFETY: the platform mounts the model directory read-only, and `LoadContext::safetensors` documents that the file
    // must not change while the engine runs.
    unsafe { MmapedSafetensors::new(path) }
}
