//! [`SpareDescriptors`], file descriptors that the listener holds so that it can accept a connection when the process has no
//! other left.

#[cfg(unix)]
use std::os::fd::{AsFd, OwnedFd};

use tokio::net::TcpListener;

/// The number of descriptors that are held.
#[cfg(unix)]
const HELD: usize = 4;

/// Descriptors that are held for nothing but to be closed.
#[derive(Debug, Default)]
pub(super) struct SpareDescriptors {
    #[cfg(unix)]
    held: Vec<OwnedFd>,
}

impl SpareDescriptors {
    /// Fills up the descriptors, as far as the process has any left.
    #[cfg(unix)]
    pub(super) fn fill(&mut self, listener: &TcpListener) {
        while self.held.len() < HELD
            && let Ok(descriptor) = listener.as_fd().try_clone_to_owned()
        {
            self.held.push(descriptor);
        }
    }

    /// Closes one. Returns `false` if none is left.
    #[cfg(unix)]
    pub(super) fn release(&mut self) -> bool {
        self.held.pop().is_some()
    }

    #[cfg(not(unix))]
    pub(super) fn fill(&mut self, _: &TcpListener) {}

    #[cfg(not(unix))]
    pub(super) fn release(&mut self) -> bool {
        false
    }
}
