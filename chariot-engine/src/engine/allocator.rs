//! Bounds the fragmentation of the C library's allocator (glibc), with two options that need `unsafe`. `run` sets them;
//! embedders decide for themselves.
//!
//! glibc gives a large block memory of its own, which returns to the system with the block. The size from which it does so
//! grows up to 32 MiB with the blocks that are freed. Under heavy traffic with large bodies, the smaller blocks that lie
//! between the large ones then keep twice as much memory from the system as the process uses.

/// The part of the memory for requests in flight from which a block gets memory of its own.
const PART: u64 = 64;

/// The bounds of this size. A larger one is what glibc allows at most; with a smaller one, a model would wait for the system
/// at each of its intermediate tensors.
const LEAST: u64 = 1 << 20;
const MOST: u64 = 32 << 20;

/// Sets the size from which a block gets memory of its own, for an engine whose requests in flight may hold so many bytes.
/// Does nothing if the operator has set it, or for another C library.
pub(super) fn bound_fragmentation(max_inflight_bytes: u64) {
    let size = large_block(max_inflight_bytes);
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if !is_set_by_operator() {
        let size = libc::c_int::try_from(size).unwrap_or(libc::c_int::MAX);
        // SAFETY: `mallopt` has no preconditions, and takes the lock of the allocator. Both options are sizes in bytes that
        // glibc itself would choose.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, size);
            // The free memory that is kept. glibc itself keeps twice the size.
            libc::mallopt(libc::M_TRIM_THRESHOLD, size.saturating_mul(2));
        }
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = size;
}

/// Returns the size from which a block gets memory of its own.
fn large_block(max_inflight_bytes: u64) -> u64 {
    (max_inflight_bytes / PART).clamp(LEAST, MOST)
}

/// Returns `true` if one of glibc's variables sets the size.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn is_set_by_operator() -> bool {
    let tunables = std::env::var_os("GLIBC_TUNABLES").unwrap_or_default();
    std::env::var_os("MALLOC_MMAP_THRESHOLD_").is_some()
        || tunables.to_string_lossy().contains("glibc.malloc.mmap_threshold=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_large_block_grows_with_the_memory_for_requests() {
        assert_eq!(
            [0, 64 << 20, 128 << 20, 1 << 30, u64::MAX].map(large_block),
            [1 << 20, 1 << 20, 2 << 20, 16 << 20, 32 << 20]
        );
    }
}
