//! A timer that is exact to some microseconds. Those of tokio are exact to a millisecond, which is longer than most
//! answers take.

use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::{io::AsyncReadExt, net::unix::pipe::Receiver};

/// A timer of the system, as a descriptor that tokio waits for.
pub(crate) struct Timer {
    /// A timer is read like a pipe: its reads wait for the end, and return eight bytes.
    expirations: Receiver,
}

impl Timer {
    pub(crate) fn new() -> std::io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Timer { expirations: Receiver::from_owned_fd_unchecked(timer)? })
    }

    pub(crate) async fn sleep_until(&mut self, time: Instant) -> std::io::Result<()> {
        let left = time.saturating_duration_since(Instant::now());
        if left < Duration::from_micros(1) {
            return Ok(());
        }
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        timerfd_settime(&self.expirations, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: zero, it_value })?;
        self.expirations.read_exact(&mut [0; 8]).await.map(|_| ())
    }
}
