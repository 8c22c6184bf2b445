//! [`Link`]: what connects an engine with the development loop that has started it. The command `dev` finds it in the
//! environment, and `run` serves with it.

use std::{
    env,
    ffi::OsStr,
    io::{self, Write},
    net::TcpListener,
    os::{fd::AsFd, unix::net::UnixStream},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    sync::watch,
};

use super::messages::Report;

/// The environment variable with the path of the loop's socket for this engine.
pub(crate) const SOCKET_VARIABLE: &str = "CHARIOT_DEV_SOCKET";

/// The status of the loop as it has sent it last, as JSON.
pub(crate) type LoopStatus = watch::Receiver<Bytes>;

/// An engine's connection to its loop, and the port that the loop has opened.
#[derive(Debug)]
pub(crate) struct Link {
    stream: UnixStream,
    port: TcpListener,
}

impl Link {
    /// Returns the link of an engine that a development loop has started; `None` for any other process.
    ///
    /// The listening socket is the standard input of the process, which can be taken over without `unsafe` code.
    ///
    /// # Errors
    /// A loop that has ended, or a standard input that is no socket.
    pub(crate) fn from_environment() -> Option<io::Result<Self>> {
        let socket = env::var_os(SOCKET_VARIABLE).filter(|path| !path.is_empty())?;
        Some(Self::open(&socket))
    }

    fn open(socket: &OsStr) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        let port = TcpListener::from(io::stdin().as_fd().try_clone_to_owned()?);
        port.local_addr()?;
        Ok(Link { stream, port })
    }

    /// Returns the port for a tokio runtime, and begins to receive the status of the loop within it.
    ///
    /// # Errors
    /// A socket that the runtime cannot wait for.
    pub(crate) fn begin(&self) -> io::Result<(tokio::net::TcpListener, LoopStatus)> {
        let port = self.port.try_clone()?;
        port.set_nonblocking(true)?;
        let port = tokio::net::TcpListener::from_std(port)?;
        let stream = self.stream.try_clone()?;
        stream.set_nonblocking(true)?;
        let stream = tokio::net::UnixStream::from_std(stream)?;
        let (sender, status) = watch::channel(Bytes::from_static(b"{}"));
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_replace(line.into());
            }
            // Dropping the sender tells that the loop has ended.
        });
        Ok((port, status))
    }

    /// Reports to the loop. One that has ended gets nothing, and ends the engine soon.
    pub(crate) fn report(&self, report: &Report) {
        let Ok(mut line) = serde_json::to_string(report) else { return };
        line.push('\n');
        // The system buffers the two lines at most that an engine sends.
        let _ = (&self.stream).write_all(line.as_bytes());
    }
}

/// Waits until the loop has ended.
pub(crate) async fn loop_ended(mut status: LoopStatus) {
    while status.changed().await.is_ok() {}
}
