//! The memory of engines that serve programs of connections: none of it is left once the connections are closed.

use std::{
    thread,
    time::{Duration, Instant},
};

use fuzz::{
    memory::{Counting, live},
    run_one, seeds, target,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The number of times that each seed is run.
const ROUNDS: usize = 8;

/// The memory that may be left, in bytes: about a hundred for each program.
const SLACK: usize = 64 << 10;

/// The longest wait for an engine to notice that connections are closed.
const DEADLINE: Duration = Duration::from_secs(30);

fn run_all_seeds() {
    for name in ["http1", "http2"] {
        let target = target(name).unwrap();
        for (file, seed) in seeds(name).unwrap() {
            if let Err(finding) = run_one(target, &seed) {
                panic!("{name}/{file}: {}", finding.panic);
            }
        }
    }
}

/// Waits until two measurements are equal.
fn settled() -> usize {
    let begin = Instant::now();
    let mut last = live();
    loop {
        thread::sleep(Duration::from_millis(20));
        let now = live();
        if now == last || begin.elapsed() > DEADLINE {
            return now;
        }
        last = now;
    }
}

#[test]
fn programs_leave_no_memory_behind() {
    // The first rounds start the engines and fill what they keep.
    run_all_seeds();
    run_all_seeds();
    let before = settled();
    for _ in 0..ROUNDS {
        run_all_seeds();
    }
    let begin = Instant::now();
    while live() > before + SLACK {
        let left = live() - before;
        assert!(begin.elapsed() < DEADLINE, "expected at most {SLACK} bytes after {ROUNDS} rounds, got {left}");
        thread::sleep(Duration::from_millis(20));
    }
}
