//! The HTTP client of the export, and [`Reporting`], which counts the spans that a collector does not take. The thread that
//! exports batches of spans calls both.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError, hyper::HyperClient};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use tokio::runtime::Handle;

use crate::telemetry::lost_spans::lose;

/// The spans on their way to the collector.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    spans: AtomicUsize,
    /// The collector takes spans more slowly than they are made, and a line has said so.
    is_full: AtomicBool,
    /// The export has ended before the collector took everything, and a line has said so.
    is_cut_off: AtomicBool,
}

impl Waiting {
    /// Takes room for spans. Returns `false`, and counts them as lost, if fewer than `limit` would leave none.
    pub(super) fn add(&self, spans: usize, limit: usize) -> bool {
        let waiting = self.spans.fetch_add(spans, Ordering::Relaxed);
        if waiting + spans <= limit {
            return true;
        }
        self.spans.fetch_sub(spans, Ordering::Relaxed);
        lose(spans);
        if !self.is_full.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "spans are lost: more than {limit} wait for the collector (chariot_lost_spans_total counts them)"
            );
        }
        false
    }

    /// Records that the export ends before the collector has taken everything.
    pub(super) fn cut_off(&self) {
        self.is_cut_off.store(true, Ordering::Relaxed);
    }
}

/// An exporter that counts what it cannot export, and logs when that begins and ends.
#[derive(Debug)]
pub(super) struct Reporting {
    exporter: opentelemetry_otlp::SpanExporter,
    waiting: Arc<Waiting>,
    is_failing: AtomicBool,
}

impl Reporting {
    pub(super) fn new(exporter: opentelemetry_otlp::SpanExporter, waiting: Arc<Waiting>) -> Self {
        Reporting { exporter, waiting, is_failing: AtomicBool::new(false) }
    }
}

impl SpanExporter for Reporting {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.waiting.spans.fetch_sub(spans, Ordering::Relaxed);
        match self.exporter.export(batch).await {
            Ok(()) => {
                self.waiting.is_full.store(false, Ordering::Relaxed);
                if self.is_failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("the collector takes spans again");
                }
            }
            Err(error) => {
                lose(spans);
                if !self.is_failing.swap(true, Ordering::Relaxed) && !self.waiting.is_cut_off.load(Ordering::Relaxed) {
                    tracing::warn!("{spans} spans are lost, and more until the collector takes them: {error}");
                }
            }
        }
        // The SDK would log each failure.
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// A client whose requests run on the engine's runtime, because the thread that exports has none.
#[derive(Debug)]
pub(super) struct Client {
    client: HyperClient,
    runtime: Handle,
    /// The limit for the whole response; that of `client` ends with its head.
    timeout: Duration,
}

impl Client {
    pub(super) fn new(runtime: Handle, timeout: Duration) -> Self {
        Client { client: HyperClient::with_default_connector(timeout, None), runtime, timeout }
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, timeout) = (self.client.clone(), self.timeout);
        let send = async move { tokio::time::timeout(timeout, client.send_bytes(request)).await? };
        self.runtime.spawn(send).await?
    }
}
