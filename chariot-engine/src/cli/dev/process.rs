//! [`EngineProcess`]: an engine that the loop has started, from its start to its end.

use std::{
    io,
    net::TcpListener,
    os::fd::OwnedFd,
    process::{ExitStatus, Stdio},
};

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    process::{Child, Command},
    sync::{mpsc, watch},
};

use super::socket::Socket;
use crate::dev::{Report, SOCKET_VARIABLE};

/// An engine. Dropping it ends the process.
pub(super) struct EngineProcess {
    number: u64,
    orders: mpsc::Sender<Order>,
}

/// An order of the loop to an engine.
enum Order {
    /// Another engine takes its place: finish what is in flight, then exit.
    Leave,
    /// The loop ends.
    End,
}

/// An event in the life of an engine.
#[derive(Debug)]
pub(super) enum EngineEvent {
    /// It has loaded its models, and serves.
    Ready,
    /// It does not start, for this reason.
    Failed(String),
    /// The process has ended.
    Exited(io::Result<ExitStatus>),
}

/// The means that all engines share.
pub(super) struct Shared {
    /// The port, which each gets as its standard input.
    pub(super) port: TcpListener,
    /// The status of the loop, as JSON.
    pub(super) status: watch::Sender<Bytes>,
    /// The events of all engines, with the engine's number.
    pub(super) events: mpsc::Sender<(u64, EngineEvent)>,
}

impl EngineProcess {
    /// Starts an engine, in a process group of its own: Ctrl-C in the terminal is for the loop, which ends its engines.
    ///
    /// # Errors
    /// A program that cannot be started, or a lack of file descriptors.
    pub(super) fn start(number: u64, mut command: Command, shared: &Shared) -> io::Result<Self> {
        let socket = Socket::new()?;
        let port = OwnedFd::from(shared.port.try_clone()?);
        command.env(SOCKET_VARIABLE, socket.path()).stdin(Stdio::from(port)).process_group(0).kill_on_drop(true);
        let process = command.spawn()?;
        let (orders, received) = mpsc::channel(2);
        let attended = Attended {
            number,
            process,
            socket: Some(socket),
            link: None,
            status: shared.status.subscribe(),
            events: shared.events.clone(),
        };
        tokio::spawn(attended.attend(received));
        Ok(EngineProcess { number, orders })
    }

    /// Returns the number of the engine, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Tells the engine that another takes its place.
    pub(super) fn leave(&self) {
        // An engine takes two orders at most, and one that has exited takes none.
        let _ = self.orders.try_send(Order::Leave);
    }

    /// Tells the engine that the loop ends.
    pub(super) fn end(&self) {
        let _ = self.orders.try_send(Order::End);
    }
}

type Link = (Lines<BufReader<OwnedReadHalf>>, OwnedWriteHalf);

/// A process and its connection to the loop.
struct Attended {
    number: u64,
    process: Child,
    /// Until the engine has connected.
    socket: Option<Socket>,
    link: Option<Link>,
    status: watch::Receiver<Bytes>,
    events: mpsc::Sender<(u64, EngineEvent)>,
}

impl Attended {
    /// Attends to the engine until its process has ended, or until it is dropped.
    async fn attend(mut self, mut orders: mpsc::Receiver<Order>) {
        let exited = loop {
            tokio::select! {
                exited = self.process.wait() => break exited,
                Ok(stream) = connected(&self.socket) => self.connect(stream).await,
                line = next_line(&mut self.link) => self.hear(line).await,
                changed = self.status.changed() => match changed {
                    Ok(()) => self.tell().await,
                    Err(_) => return,
                },
                order = orders.recv() => match order {
                    Some(Order::Leave) => self.terminate(),
                    // The engine notices that its link is closed.
                    Some(Order::End) => break self.end().await,
                    None => return,
                },
            }
        };
        // A loop that has ended does not ask.
        let _ = self.events.send((self.number, EngineEvent::Exited(exited))).await;
    }

    async fn connect(&mut self, stream: UnixStream) {
        self.socket = None;
        let (read, write) = stream.into_split();
        self.link = Some((BufReader::new(read).lines(), write));
        self.tell().await;
    }

    /// Sends the status of the loop to the engine.
    async fn tell(&mut self) {
        let mut line = self.status.borrow_and_update().to_vec();
        line.push(b'\n');
        if let Some((_, write)) = &mut self.link {
            // An engine that reads no more is about to exit.
            let _ = write.write_all(&line).await;
        }
    }

    /// Passes a report of the engine on.
    async fn hear(&mut self, line: io::Result<Option<String>>) {
        let Ok(Some(line)) = line else {
            self.link = None;
            return;
        };
        let event = match serde_json::from_str(&line) {
            Ok(Report::Ready) => EngineEvent::Ready,
            Ok(Report::Failed(text)) => EngineEvent::Failed(text),
            // A build with another version of the SDK, which may report more.
            Err(_) => return,
        };
        let _ = self.events.send((self.number, event)).await;
    }

    fn terminate(&self) {
        let id = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id {
            // The process has not been waited for, so the number is still its own.
            let _ = kill_process(id, Signal::TERM);
        }
    }

    /// Closes the link, and waits for the end of the process.
    async fn end(&mut self) -> io::Result<ExitStatus> {
        if self.link.take().is_none() {
            // It has not connected yet, and may never do so.
            self.terminate();
        }
        self.process.wait().await
    }
}

/// Waits until the engine has connected; for ever if it has.
async fn connected(socket: &Option<Socket>) -> io::Result<UnixStream> {
    match socket {
        Some(socket) => socket.accept().await,
        None => std::future::pending().await,
    }
}

/// Waits for a line of the engine; for ever if it is not connected.
async fn next_line(link: &mut Option<Link>) -> io::Result<Option<String>> {
    match link {
        Some((lines, _)) => lines.next_line().await,
        None => std::future::pending().await,
    }
}
