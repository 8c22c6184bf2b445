//! [`Port`]: the port of an engine as a process. `run` opens it, or a development loop has opened it already.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::{error::StartError, listen::listen, plan::Plan};
#[cfg(all(feature = "dev", unix))]
use crate::dev::{Link, LoopStatus, Report, loop_ended};
use crate::settings::host_and_port;

/// The port of an engine as a process.
pub(super) enum Port {
    /// The process opens its own, and accepts connections while it loads.
    Own,
    /// A development loop has opened it for one engine after the other. This one accepts connections when it is ready: until
    /// then they are those of the engine before, or wait.
    #[cfg(all(feature = "dev", unix))]
    OfLoop { link: Link, status: Option<LoopStatus> },
}

impl Port {
    /// Opens the port within a tokio runtime, and tells the plan whose it is. Returns its address too.
    pub(super) async fn open(&mut self, plan: &mut Plan) -> Result<(TcpListener, SocketAddr), StartError> {
        let address = host_and_port(&plan.settings.host, plan.settings.port);
        let opened = match self {
            Port::Own => listen(&address).await,
            #[cfg(all(feature = "dev", unix))]
            Port::OfLoop { link, status } => link.begin().map(|(listener, received)| {
                plan.dev = Some(received.clone());
                *status = Some(received);
                listener
            }),
        };
        let opened = opened.and_then(|listener| listener.local_addr().map(|address| (listener, address)));
        opened.map_err(|source| StartError::Bind { address, source })
    }

    /// Returns `true` if the port is a development loop's.
    pub(super) fn is_of_loop(&self) -> bool {
        !matches!(self, Port::Own)
    }

    /// Waits until the development loop has ended, if there is one.
    pub(super) async fn loop_ended(&self) {
        #[cfg(all(feature = "dev", unix))]
        if let Port::OfLoop { status: Some(status), .. } = self {
            return loop_ended(status.clone()).await;
        }
        std::future::pending().await
    }

    /// Reports to the development loop that the models are loaded.
    pub(super) fn report_ready(&self) {
        #[cfg(all(feature = "dev", unix))]
        if let Port::OfLoop { link, .. } = self {
            link.report(&Report::Ready);
        }
    }

    /// Reports to the development loop that the engine ends with an error.
    pub(super) fn report_failure(&self, error: &StartError) {
        #[cfg(all(feature = "dev", unix))]
        if let Port::OfLoop { link, .. } = self {
            link.report(&Report::Failed(error.to_string()));
        }
        #[cfg(not(all(feature = "dev", unix)))]
        let _ = error;
    }
}
