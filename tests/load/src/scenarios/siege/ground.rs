//! [`Ground`], shared by all attacks: the address of the engine, the size of the attack and the bytes that it has sent; and
//! bodies of requests.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
};

use super::super::Scale;

/// The routes of the engine's models.
pub(super) const TEXTS: &str = "/v2/models/texts/infer";
pub(super) const TENSORS: &str = "/v2/models/tensors/infer";
pub(super) const PICTURES: &str = "/v2/models/pictures/infer";

/// The time after which a client whose connection has ended begins again.
const PAUSE: Duration = Duration::from_millis(20);

/// The ground of an attack.
#[derive(Clone)]
pub(super) struct Ground {
    pub(super) address: SocketAddr,
    pub(super) scale: Scale,
    sent: Arc<AtomicU64>,
    /// The number of responses to the attack by status.
    statuses: Arc<Mutex<BTreeMap<u16, usize>>>,
}

impl Ground {
    pub(super) fn new(address: SocketAddr, scale: Scale) -> Self {
        Ground { address, scale, sent: Arc::default(), statuses: Arc::default() }
    }

    /// Returns the number of bytes of requests that attacks have sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Acquire)
    }

    /// Counts bytes that an attack has sent.
    pub(super) fn count(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::AcqRel);
    }

    pub(super) async fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Connects with a small buffer for what the engine sends, so that the system does not take it.
    pub(super) async fn connect_narrow(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        socket.connect(self.address).await
    }

    pub(super) async fn send(&self, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        self.count(bytes.len());
        stream.write_all(bytes).await
    }

    /// Sends a request and waits for the end of its response, which closes the connection.
    pub(super) async fn ask(&self, request: &[u8]) -> io::Result<()> {
        let mut stream = self.connect().await?;
        self.send(&mut stream, request).await?;
        let mut piece = vec![0; 64 << 10];
        let begin = stream.read(&mut piece).await?;
        // `HTTP/1.1 200 OK`
        let status = piece[..begin].get(9..12).and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
        if let Some(status) = status {
            *self.statuses.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_default() += 1;
        }
        while stream.read(&mut piece).await? > 0 {}
        Ok(())
    }

    /// Returns the number of responses to the attack by status, as far as it reads them.
    pub(super) fn statuses(&self) -> BTreeMap<u16, usize> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs clients at once, each again whenever it ends, until the future is dropped.
    pub(super) async fn crowd<F>(self, count: usize, client: impl Fn(Ground, usize) -> F + Clone + Send + 'static)
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let mut clients = JoinSet::new();
        for index in 0..count {
            let (ground, client) = (self.clone(), client.clone());
            clients.spawn(async move {
                loop {
                    // An attack fails where the engine defends itself.
                    let _ = client(ground.clone(), index).await;
                    tokio::time::sleep(PAUSE).await;
                }
            });
        }
        while clients.join_next().await.is_some() {}
    }
}

/// Writes the request line and the header fields of a POST, which closes its connection.
pub(super) fn head(path: &str, length: usize, fields: &[(&str, &str)]) -> Vec<u8> {
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("POST {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\nContent-Length: {length}\r\n{fields}\r\n")
        .into()
}

/// Writes a POST with this body.
pub(super) fn post(path: &str, fields: &[(&str, &str)], body: &[u8]) -> Arc<[u8]> {
    [&head(path, body.len(), fields), body].concat().into()
}

/// Writes a POST with this body, compressed.
pub(super) fn post_compressed(path: &str, body: &[u8]) -> Arc<[u8]> {
    post(path, &[("Content-Encoding", "gzip")], &gzip(body))
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes all bytes")
}
