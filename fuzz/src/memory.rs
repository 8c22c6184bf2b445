//! A counting allocator, for the whole process and per thread. A binary or a test that measures memory makes it the global
//! allocator; elsewhere every cost is 0.
#![allow(unsafe_code, reason = "an allocator is unsafe; this one forwards every call to the system's")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::atomic::{AtomicIsize, Ordering::Relaxed},
};

/// The system's allocator with counters.
///
/// A block that grows counts as the old and the new block together, as if it were copied.
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: fuzz::memory::Counting = fuzz::memory::Counting;
///
/// let (list, cost) = fuzz::memory::cost(|| vec![0_u8; 1000]);
/// assert_eq!((list.len(), cost), (1000, 1000));
/// ```
#[derive(Debug)]
pub struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    static LIVE_HERE: Cell<isize> = const { Cell::new(0) };
    static PEAK_HERE: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let live = LIVE.fetch_add(bytes, Relaxed) + bytes;
    // A thread that is about to end may have dropped its cells; its cost is no longer needed.
    let _ = LIVE_HERE.try_with(|cell| cell.set(cell.get() + bytes));
    if bytes > 0 {
        PEAK.fetch_max(live, Relaxed);
        let _ = LIVE_HERE.try_with(|live| PEAK_HERE.try_with(|peak| peak.set(peak.get().max(live.get()))));
    }
}

// SAFETY: every call is forwarded unchanged to the system's allocator, and the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: guaranteed by the caller of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: guaranteed by the caller of this function.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: guaranteed by the caller of this function.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize);
        // SAFETY: guaranteed by the caller of this function.
        let moved = unsafe { System.realloc(block, layout, size) };
        count(-(layout.size() as isize));
        moved
    }
}

/// Returns the peak memory of this thread during `run` in bytes, beyond the memory before; includes the result of `run`.
pub fn cost<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE_HERE.get();
    let outer = PEAK_HERE.replace(before);
    let value = run();
    let peak = PEAK_HERE.get();
    PEAK_HERE.set(outer.max(peak));
    (value, (peak - before).max(0) as usize)
}

/// Returns the peak memory of all threads of the process during `run`. Nothing else may run at the same time.
pub fn cost_of_all<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let value = run();
    (value, (PEAK.load(Relaxed) - before).max(0) as usize)
}

/// Returns the memory that the process has allocated and not freed, in bytes.
pub fn live() -> usize {
    LIVE.load(Relaxed).max(0) as usize
}
