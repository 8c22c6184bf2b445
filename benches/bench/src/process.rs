//! A server as a process group of its own, with what it takes of the machine.

use std::{
    ffi::OsString,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::{
    Failure,
    client::{Protocol, Request, connect},
};

/// The time that a server has to start. Servers in Python import for a while.
const START: Duration = Duration::from_secs(90);

/// A running server, killed on drop with all its processes.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    /// The time from the start of the process to the first answer that says it is ready.
    pub(crate) started_in: Duration,
}

/// A command that starts a server.
pub(crate) struct Launch {
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) env: Vec<(String, String)>,
    /// The path that answers with 200 once the server is ready.
    pub(crate) ready: String,
    pub(crate) protocol: Protocol,
}

/// The resources that the processes of a server have taken since they started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    pub(crate) faults: u64,
}

impl Process {
    pub(crate) async fn start(launch: &Launch, port: u16) -> Result<Self, Failure> {
        let mut command = Command::new(&launch.program);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CHARIOT_") || name == "LOG_LEVEL") {
                command.env_remove(name);
            }
        }
        let begin = Instant::now();
        let child = command
            .args(&launch.arguments)
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| format!("starting {}: {error}", launch.program.display()))?;
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let mut process = Process { child, address, started_in: Duration::ZERO };
        let ready = Request::get(&launch.ready)?;
        while !is_ready(launch.protocol, address, &ready).await {
            if let Some(status) = process.child.try_wait()? {
                return Err(format!("{} has ended with {status}", launch.program.display()).into());
            }
            if begin.elapsed() > START {
                return Err(format!("{} is not ready after {START:?}", launch.program.display()).into());
            }
            // The precision of the time until the server is ready.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        process.started_in = begin.elapsed();
        Ok(process)
    }

    /// Returns what all processes of the server have taken.
    pub(crate) fn usage(&self) -> Result<Usage, Failure> {
        let mut usage = Usage::default();
        for pid in self.group()? {
            // A process or a thread can end while it is looked at.
            if let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) {
                usage.faults += field(&stat, 7).unwrap_or_default();
            }
            usage.cpu += cpu(&pid.to_string());
        }
        Ok(usage)
    }

    /// Returns the CPU time of the benchmark itself.
    pub(crate) fn own_cpu() -> Duration {
        cpu("self")
    }

    /// Returns the largest memory that the server has had resident, in bytes, summed over its processes.
    pub(crate) fn peak_memory(&self) -> Result<u64, Failure> {
        self.memory("VmHWM:")
    }

    /// Returns the resident memory in bytes, summed over the processes.
    pub(crate) fn resident_memory(&self) -> Result<u64, Failure> {
        self.memory("VmRSS:")
    }

    fn memory(&self, name: &str) -> Result<u64, Failure> {
        let mut sum = 0;
        for pid in self.group()? {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            sum += 1024 * line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default();
        }
        Ok(sum)
    }

    /// Returns the ids of all processes of the server.
    fn group(&self) -> Result<Vec<u32>, Failure> {
        let leader = self.child.id();
        let pids = fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        Ok(pids
            .filter(|pid| {
                let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
                stat.is_ok_and(|stat| field(&stat, 2) == Some(leader.into()))
            })
            .collect())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // Whatever has ended needs no signal.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Returns the CPU time of all threads of a process.
fn cpu(pid: &str) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let on_cpu = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        on_cpu.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// Returns a field of `/proc/<pid>/stat`, counted from the one after the name, which can have spaces.
fn field(stat: &str, index: usize) -> Option<u64> {
    stat.rsplit_once(") ")?.1.split(' ').nth(index)?.parse().ok()
}

async fn is_ready(protocol: Protocol, address: SocketAddr, request: &Request) -> bool {
    let asked = async {
        let mut open = connect(protocol, address, 1).await?;
        open.first_mut().ok_or("no connection")?.ask(request).await
    };
    matches!(tokio::time::timeout(START, asked).await, Ok(Ok((200, _))))
}

/// Returns a free port of the loopback interface.
pub(crate) fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_behind_the_name() {
        let stat = "12 (a) b) S 1 12 12 0 -1 4194560 345 0";
        assert_eq!((field(stat, 2), field(stat, 7), field(stat, 99)), (Some(12), Some(345), None));
    }
}
