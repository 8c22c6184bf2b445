//! The machine and the versions with which a run measured.

use std::{fs, process::Command, time::SystemTime};

use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
    pub(crate) chariot_engine: String,
    pub(crate) hyper: String,
    /// The cargo profile, by the folder of the binary.
    pub(crate) profile: String,
    pub(crate) date: String,
}

impl Machine {
    pub(crate) fn read() -> Self {
        let lock = include_str!("../../../Cargo.lock");
        let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        Machine {
            cpu: cpu().unwrap_or_else(|| "unknown".to_string()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel(&fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default()),
            rustc: rustc().unwrap_or_else(|| "unknown".to_string()),
            chariot_engine: version(lock, "chariot-engine"),
            hyper: version(lock, "hyper"),
            profile: profile().unwrap_or_else(|| "unknown".to_string()),
            date: date(seconds / 86_400),
        }
    }
}

/// Returns the folder of the binary, which cargo names after the profile.
pub(crate) fn profile() -> Option<String> {
    Some(std::env::current_exe().ok()?.parent()?.file_name()?.to_str()?.to_string())
}

/// Returns the CPU seconds that all processes of the machine have taken.
pub(crate) fn busy_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let ticks: Vec<f64> = fields.filter_map(|field| field.parse().ok()).collect();
    // User, nice, system, and after idle and waiting: interrupts, soft interrupts.
    let busy: f64 = [0, 1, 2, 5, 6].iter().filter_map(|index| ticks.get(*index)).sum();
    busy / rustix::param::clock_ticks_per_second() as f64
}

fn kernel(release: &str) -> String {
    // Without the name of the build.
    release.trim().split('-').next().unwrap_or_default().to_string()
}

fn cpu() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(": ")?.1.to_string())
}

fn rustc() -> Option<String> {
    let output = Command::new("rustc").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.split(' ').nth(1)?.to_string())
}

/// Returns the version of a package in the lock file.
fn version(lock: &str, package: &str) -> String {
    let name = format!("name = \"{package}\"\nversion = \"");
    let found = lock.split_once(&name).and_then(|(_, rest)| rest.split_once('"'));
    found.map_or_else(|| "unknown".to_string(), |(version, _)| version.to_string())
}

/// Returns the date of a day since 1970, in the proleptic Gregorian calendar.
fn date(days: u64) -> String {
    // Years begin in March, so that a leap day is the last of its year; 719,468 days lie before 1970.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + u64::from(month < 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        let dates = [0, 59, 11_016, 19_782, 20_453].map(date);
        assert_eq!(dates, ["1970-01-01", "1970-03-01", "2000-02-29", "2024-02-29", "2025-12-31"]);
    }

    #[test]
    fn the_lock_file_has_versions() {
        let lock = "[[package]]\nname = \"hyper-util\"\nversion = \"2\"\n\n[[package]]\nname = \"hyper\"\nversion = \"1.2.3\"\n";
        assert_eq!((version(lock, "hyper"), version(lock, "h2")), ("1.2.3".to_string(), "unknown".to_string()));
    }
}
