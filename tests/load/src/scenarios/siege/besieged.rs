//! The engine as a process with limits of address space and descriptors, its peak memory and its log.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use e2e::{Process, Signal};

use crate::{Failure, client::Client, scenarios::block_on};

/// The address space of the engine in KiB. Most of it is reserved and not used: stacks of threads, arenas of the allocator.
const ADDRESS_SPACE: u64 = 3 << 20;

/// The time for the engine to answer and to exit.
const PATIENCE: Duration = Duration::from_secs(15);

/// The limits of descriptors, soft and hard.
pub(super) type Descriptors = (u32, u32);

/// A running engine, killed on drop, and the peak of its memory.
pub(super) struct Besieged {
    process: Process,
    address: SocketAddr,
    id: u32,
    peak: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Besieged {
    /// Starts an engine and waits until it is ready. Its output goes to `output`, or is read here.
    pub(super) fn start(
        exe: &Path,
        settings: &[(&str, String)],
        descriptors: Option<Descriptors>,
        output: Option<[Stdio; 2]>,
    ) -> Result<Self, Failure> {
        let exe = exe.to_str().ok_or("the path of the engine is not UTF-8")?;
        let descriptors = descriptors.map(|(soft, hard)| format!("ulimit -Hn {hard}; ulimit -Sn {soft};"));
        let script = format!("ulimit -v {ADDRESS_SPACE}; {} exec \"$0\"", descriptors.unwrap_or_default());
        let arguments = ["-c", &script, exe];
        let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let process = match output {
            None => Process::start_with("sh", &arguments, &settings),
            Some(output) => Process::start_unheard("sh", &arguments, &settings, output),
        };
        let address = process.address();
        let id = process.id();
        let (peak, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let this = Besieged { process, address, id, peak: peak.clone(), over: over.clone() };
        let begin = Instant::now();
        while this.get("/ready").is_none_or(|(status, _)| status != 200) {
            if begin.elapsed() > PATIENCE || !this.is_running() {
                return Err("the engine is not ready".into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        // The kernel keeps the peak, which is gone with the process.
        thread::spawn(move || {
            while !over.load(Ordering::Acquire) {
                if let Some(bytes) = memory(id, "VmHWM:") {
                    peak.fetch_max(bytes, Ordering::AcqRel);
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        Ok(this)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// Returns the largest resident memory so far, in bytes.
    pub(super) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Acquire).max(memory(self.id, "VmHWM:").unwrap_or_default())
    }

    /// Returns the resident memory in bytes; 0 if the process has ended.
    pub(super) fn resident(&self) -> u64 {
        memory(self.id, "VmRSS:").unwrap_or_default()
    }

    pub(super) fn terminate(&self) {
        if self.is_running() {
            self.process.signal(Signal::Terminate);
        }
    }

    /// Returns the status and the body of a page; `None` if it does not arrive in time.
    pub(super) fn get(&self, path: &str) -> Option<(u16, String)> {
        let (status, body) =
            block_on(Client::with_patience(self.address, PATIENCE / 3).read(path)).ok().and_then(Result::ok)?;
        Some((status, String::from_utf8_lossy(&body).into_owned()))
    }

    /// Returns `true` once the engine is ready, `false` if it is not within the time.
    pub(super) fn is_ready(&self) -> bool {
        within(PATIENCE, || self.is_running() && self.get("/ready").is_some_and(|(status, _)| status == 200))
    }

    /// Returns `true` once no request and no byte is in flight, `false` if that is not so within the time.
    pub(super) fn is_settled(&self, time: Duration) -> bool {
        const NAMES: [&str; 4] = ["in_flight_requests{", "queued_requests{", "running_calls{", "in_flight_bytes{"];
        within(time, || {
            let Some((200, page)) = self.get("/metrics") else { return false };
            let mut figures = page.lines().filter_map(|line| line.strip_prefix("chariot_"));
            figures.all(|line| !NAMES.iter().any(|name| line.starts_with(name)) || line.ends_with(" 0"))
        })
    }

    /// Returns `true` once at most so many bytes are resident, `false` if that is not so within the time.
    pub(super) fn is_released(&self, most: u64, time: Duration) -> bool {
        within(time, || self.resident() <= most)
    }

    /// Ends the engine with SIGTERM, and returns the time that it took; `None` if it had to be killed.
    pub(super) fn end(&self) -> Option<Duration> {
        let begin = Instant::now();
        self.terminate();
        within(PATIENCE, || !self.is_running()).then(|| begin.elapsed())
    }

    /// Returns the lines that the engine has written, once it has ended.
    pub(super) fn lines(&self) -> usize {
        if self.is_running() {
            return 0;
        }
        self.process.all_lines().len() + self.process.all_errors().len()
    }
}

impl Drop for Besieged {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
    }
}

/// Waits for a condition, and returns `false` if it does not hold within the time.
fn within(time: Duration, condition: impl Fn() -> bool) -> bool {
    let begin = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if begin.elapsed() > time {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Reads a line of the status of a process that the kernel writes in KiB.
fn memory(id: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}
