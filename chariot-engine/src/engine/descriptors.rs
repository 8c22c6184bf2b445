//! The limit of open files of a process, and the number of connections that fits below it. `run` applies it; embedders decide
//! for themselves.

use crate::{runtime::available_cores, server::RESERVED, settings::EngineSettings};

/// The descriptors that are left to everything but connections: logs, signals, the model and the author's own clients.
const SPARE: u64 = 64;

/// The descriptors of the runtime of a core thread.
const RUNTIME: u64 = 4;

/// Raises the limit of open files as far as the system allows, and lowers the number of connections below it. Returns a
/// warning if the number is lower than the operator's.
pub(super) fn fit(settings: &mut EngineSettings) -> Option<String> {
    let limit = raise()?;
    let fitting = connections(limit, available_cores());
    let set = settings.max_connections;
    if set <= fitting {
        return None;
    }
    settings.max_connections = fitting;
    Some(format!(
        "CHARIOT_ENGINE_MAX_CONNECTIONS is lowered from {set} to {fitting}: the process can have only {limit} open files"
    ))
}

/// Returns the number of connections that fit below a limit of open files, on this number of cores.
fn connections(limit: u64, cores: usize) -> usize {
    let spare = SPARE.saturating_add(RUNTIME.saturating_mul(u64::try_from(cores).unwrap_or(u64::MAX)));
    let beyond = spare.min(limit / 2) + u64::try_from(RESERVED).unwrap_or(u64::MAX);
    usize::try_from(limit.saturating_sub(beyond)).unwrap_or(usize::MAX).max(1)
}

/// Raises the limit of open files. Returns the new one, or `None` if there is none.
#[cfg(unix)]
fn raise() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Some systems refuse a limit that they name themselves; the old one is in force then.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current.or(current)
}

#[cfg(not(unix))]
fn raise() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_other_files() {
        assert_eq!([0, 10, 64, 1024].map(|limit| connections(limit, 0)), [1, 1, 16, 944]);
        assert_eq!((connections(1 << 20, 0), connections(1 << 20, 8)), ((1 << 20) - 80, (1 << 20) - 112));
    }
}
