//! Bounds the fragmentation of the C library's allocator (glibc), with two options that need `unsafe`. `run` sets them;
//! embedders decide for themselves.
//!
//! glibc gives a large block memory of its own, which returns to the system with the block. The size from which it does so
//! grows up to 32 MiB with the blocks that are freed. Under heavy traffic with large bodies, the smaller blocks that lie
//! between the large ones then keep twice as much memory from the system as the process uses.

/// The part of the memory for requests in flight from which a block gets memory of its own.
const PART: u64 = 64;

/// The bounds of this size. glibc allows no larger one; with a smaller one, more of a model's
/// intermediate tensors would get their memory from the system.
const LEAST: u64 = 2 << 20;
const MOST: u64 = 32 << 20;

/// The settings of glibc's allocator with which an operator chooses, by the names of its variables and its tunables.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const OF_OPERATOR: [(&str, &str); 4] = [
    ("MALLOC_MMAP_THRESHOLD_", "glibc.malloc.mmap_threshold="),
    ("MALLOC_TRIM_THRESHOLD_", "glibc.malloc.trim_threshold="),
    ("MALLOC_TOP_PAD_", "glibc.malloc.top_pad="),
    ("MALLOC_MMAP_MAX_", "glibc.malloc.mmap_max="),
];

/// Sets the size from which a block gets memory of its own, for an engine whose models may each hold so many bytes or more for
/// requests in flight. Does nothing if the operator has set an option that decides it, or for another C library.
pub(super) fn bound_fragmentation(max_inflight_bytes: u64) {
    let size = large_block(max_inflight_bytes);
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if !is_set_by_operator() {
        let size = libc::c_int::try_from(size).unwrap_or(libc::c_int::MAX);
        // SAFETY: `mallopt` has no preconditions, and takes the lock of the allocator. Both options are sizes in bytes that
        // glibc itself would choose.
        unsafe {
            if libc::mallopt(libc::M_MMAP_THRESHOLD, size) == 1 {
                // The free memory that is kept. glibc itself keeps twice the size.
                libc::mallopt(libc::M_TRIM_THRESHOLD, size.saturating_mul(2));
            }
        }
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = size;
}

/// Returns the size from which a block gets memory of its own.
fn large_block(max_inflight_bytes: u64) -> u64 {
    (max_inflight_bytes / PART).clamp(LEAST, MOST)
}

/// Returns `true` if one of glibc's variables sets an option that decides the size.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn is_set_by_operator() -> bool {
    let tunables = std::env::var_os("GLIBC_TUNABLES").unwrap_or_default();
    let tunables = tunables.to_string_lossy();
    OF_OPERATOR.iter().any(|(name, tunable)| std::env::var_os(name).is_some() || tunables.contains(tunable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_large_block_grows_with_the_memory_for_requests() {
        let sizes = [0, 128 << 20, 512 << 20, 1 << 30, u64::MAX].map(large_block);
        assert_eq!(sizes, [2 << 20, 2 << 20, 8 << 20, 16 << 20, 32 << 20]);
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn a_large_block_has_memory_of_its_own_also_after_a_larger_one_was_freed() {
        /// Memory of its own begins with a page, after the two words of glibc.
        const BEGIN: usize = 2 * size_of::<usize>();
        if is_set_by_operator() {
            return;
        }
        bound_fragmentation(0);
        let block = |size: usize| std::hint::black_box(Vec::<u8>::with_capacity(size));
        drop(block(16 << 20));
        let blocks: Vec<_> = (0..4).map(|_| block(3 << 20)).collect();
        assert!(blocks.iter().all(|block| block.as_ptr().addr() % 4096 == BEGIN));
    }
}
