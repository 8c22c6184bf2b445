//! The servers that are measured by turns.

use std::ffi::OsString;

use crate::{
    Failure,
    client::{Protocol, Request},
    expected::Expected,
    peers::Peer,
    process::{Launch, Process, free_port},
    roles::Served,
    workloads::{Reference, Workload},
};

/// The name of bare hyper that returns the body of a request.
pub(crate) const ECHO: &str = "hyper, echo";

/// A kind of server.
#[derive(Clone, Debug)]
pub(crate) enum Server {
    /// Bare hyper that returns the body of a request.
    Echo,
    /// Bare hyper that does the work of the engine, by the route of the workload.
    ByHand(&'static str),
    /// An engine.
    Engine,
    /// A server in Python.
    Peer(Peer),
}

impl Server {
    /// Returns the servers that a workload compares.
    pub(crate) fn of(workload: &Workload, peers: &[Peer]) -> Vec<Self> {
        let mut servers = Vec::new();
        // An answer that is streamed has no counterpart that echoes.
        if !matches!(workload.expected, Expected::Events(_)) {
            servers.push(Server::Echo);
        }
        servers.extend(workload.by_hand.map(Server::ByHand));
        servers.push(Server::Engine);
        servers.extend(peers.iter().filter(|peer| peer.serves(workload)).cloned().map(Server::Peer));
        servers
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Server::Echo => ECHO,
            Server::ByHand(_) => "hyper, by hand",
            Server::Engine => "chariot-engine",
            Server::Peer(peer) => peer.name(),
        }
    }

    /// Returns whether the other servers of a workload are compared to this one.
    pub(crate) fn is_reference(&self, workload: &Workload) -> bool {
        match self {
            Server::Echo => workload.reference == Reference::Echo,
            Server::ByHand(_) => workload.reference == Reference::ByHand,
            Server::Engine | Server::Peer(_) => false,
        }
    }

    /// Returns the request of a workload, by the routes of this server.
    pub(crate) fn request(&self, workload: &Workload) -> Result<Request, Failure> {
        let path = match self {
            Server::Echo => "/echo",
            Server::ByHand(path) => path,
            Server::Engine => "/infer",
            Server::Peer(peer) => peer.path(workload.model).ok_or("a peer without the model")?,
        };
        Request::post(path, &workload.headers, workload.body.clone())
    }

    pub(crate) fn expected(&self, workload: &Workload) -> Expected {
        match self {
            Server::Echo => Expected::Same,
            _ => workload.expected.clone(),
        }
    }

    pub(crate) async fn start(&self, protocol: Protocol, model: Served) -> Result<Process, Failure> {
        let port = free_port()?;
        let launch = match self {
            Server::Echo | Server::ByHand(_) => floor(port, protocol)?,
            Server::Engine => engine(port, protocol, model)?,
            Server::Peer(peer) => peer.launch(port)?,
        };
        Process::start(&launch, port).await
    }
}

fn floor(port: u16, protocol: Protocol) -> Result<Launch, Failure> {
    let mut arguments: Vec<OsString> = vec!["floor".into(), port.to_string().into()];
    if protocol == Protocol::Http2 {
        arguments.push("--http2".into());
    }
    Ok(Launch {
        program: std::env::current_exe()?.into(),
        arguments,
        env: vec![allocator("MMAP_THRESHOLD", 16 << 20), allocator("TRIM_THRESHOLD", 32 << 20)],
        ready: "/ready".to_string(),
        protocol,
    })
}

/// Returns an option of glibc's allocator, as an engine sets it with its default limit of memory.
fn allocator(option: &str, bytes: usize) -> (String, String) {
    (format!("MALLOC_{option}_"), bytes.to_string())
}

fn engine(port: u16, protocol: Protocol, model: Served) -> Result<Launch, Failure> {
    let value = clap::ValueEnum::to_possible_value(&model).ok_or("a model without a name")?;
    let arguments = vec!["engine".into(), value.get_name().into()];
    Ok(Launch {
        program: std::env::current_exe()?.into(),
        arguments,
        env: engine_env(port),
        ready: "/ready".to_string(),
        protocol,
    })
}

/// Returns the environment of an engine: defaults, but for the address, a quiet log and a quick end.
pub(crate) fn engine_env(port: u16) -> Vec<(String, String)> {
    let port = port.to_string();
    [("HOST", "127.0.0.1"), ("PORT", &port), ("DRAIN_DELAY", "0s"), ("LOG_LEVEL", "warn")]
        .map(|(name, value)| (format!("CHARIOT_ENGINE_{name}"), value.to_string()))
        .into()
}
