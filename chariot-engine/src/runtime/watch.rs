//! [`Watch`], which finds calls on core threads that take long. A thread of its own looks at the [`Beat`] of each core thread
//! while there are calls, and sleeps otherwise.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

/// The time between two looks. A call that is seen in two of them delays the connections of its thread, so another thread goes
/// on with them.
const LOOK: Duration = Duration::from_millis(2);

/// The number of looks without a call after which the watch sleeps.
const QUIET: u32 = 50;

/// A count of the begins and ends of calls on a thread: odd during a call.
#[derive(Debug, Default)]
pub(super) struct Beat(AtomicU64);

impl Beat {
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Records that a call has ended.
    pub(super) fn end(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// The state that core threads share with the thread that watches them.
#[derive(Debug, Default)]
pub(super) struct Watch {
    thread: OnceLock<Thread>,
    is_asleep: AtomicBool,
    /// The number of slow calls now.
    slow: AtomicUsize,
}

impl Watch {
    /// Returns `true` while a call on any core thread is slow.
    pub(super) fn has_slow_call(&self) -> bool {
        self.slow.load(Ordering::Relaxed) > 0
    }

    /// Records that a call begins, and wakes the watch.
    pub(super) fn begin(&self, beat: &Beat) {
        beat.0.fetch_add(1, Ordering::SeqCst);
        // After the beat: a watch that falls asleep now either is seen here or sees the beat.
        if self.is_asleep.load(Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Records a slow call until the returned value is dropped.
    pub(super) fn slow(&self) -> impl Drop + Send + use<'_> {
        struct Slow<'a>(&'a Watch);
        impl Drop for Slow<'_> {
            fn drop(&mut self) {
                self.0.slow.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.slow.fetch_add(1, Ordering::Relaxed);
        Slow(self)
    }

    /// Watches these beats for the rest of the process, and reports a call that is seen twice, by its index and count.
    pub(super) fn run<'a>(&self, beats: impl Iterator<Item = &'a Beat> + Clone, mut report: impl FnMut(usize, u64)) {
        let _ = self.thread.set(thread::current());
        let mut seen: Vec<(u64, bool)> = beats.clone().map(|beat| (beat.count(), false)).collect();
        let mut quiet = 0;
        loop {
            thread::sleep(LOOK);
            quiet += 1;
            for (index, (beat, (count, is_reported))) in beats.clone().zip(&mut seen).enumerate() {
                let now = beat.count();
                if now != *count {
                    (*count, *is_reported, quiet) = (now, false, 0);
                } else if now % 2 == 1 && !*is_reported {
                    *is_reported = true;
                    report(index, now);
                }
            }
            if quiet >= QUIET {
                self.is_asleep.store(true, Ordering::SeqCst);
                if beats.clone().zip(&seen).all(|(beat, (count, _))| beat.count() == *count) {
                    thread::park();
                }
                self.is_asleep.store(false, Ordering::SeqCst);
                quiet = 0;
            }
        }
    }
}
