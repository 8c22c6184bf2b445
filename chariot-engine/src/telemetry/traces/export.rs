//! [`Traces`], the export of spans: it decides which requests have some, and sends them to a collector on a thread of its own.
//! The server begins the span of a request with it.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use opentelemetry::{
    Context, InstrumentationScope, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    resource::TelemetryResourceDetector,
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, IdGenerator, RandomIdGenerator, Sampler, SamplingDecision,
        ShouldSample, SpanData, SpanProcessor,
    },
};
use tokio::runtime::Handle;

use super::{
    collector::{Client, Reporting, Waiting},
    span::{self, StageSpan},
    target::Target,
};
use crate::{
    protocol::TraceContext,
    settings::Environment,
    telemetry::{
        metrics::Stage,
        span_facts::{SpanEnd, SpanFacts},
    },
};

/// The largest number of stages that a span has below it. A request of many calls has more.
const MAX_STAGES: usize = 128;

/// The largest number of requests that the span of a call links.
const MAX_LINKS: usize = 128;

/// The export of spans. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Traces(Arc<Inner>);

struct Inner {
    processor: BatchSpanProcessor,
    sampler: Sampler,
    ids: RandomIdGenerator,
    scope: InstrumentationScope,
    waiting: Arc<Waiting>,
    /// The largest number of spans that wait.
    queue: usize,
}

impl Traces {
    /// Starts the export that the environment asks for; `None` if it asks for none. Requests to the collector run on the
    /// runtime. `name` and `version` are those of the service, unless the environment has others. Logs the faults of variables
    /// that count as not set.
    ///
    /// # Errors
    /// Returns the fault of a variable.
    pub(crate) fn from_environment(
        environment: &Environment,
        runtime: &Handle,
        name: &str,
        version: &str,
    ) -> Result<Option<Self>, String> {
        let Some(target) = Target::of(environment)? else { return Ok(None) };
        target.warnings.iter().for_each(|fault| tracing::warn!("the variable is ignored: {fault}"));
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_endpoint(target.endpoint.to_string())
            .with_timeout(target.timeout)
            .with_protocol(Protocol::HttpBinary)
            .with_headers(target.headers.into_iter().collect())
            .with_http_client(Client::new(runtime.clone(), target.timeout))
            .build()
            .map_err(|error| error.to_string())?;
        let waiting = Arc::new(Waiting::default());
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(target.queue)
            .with_max_export_batch_size(target.batch)
            .with_scheduled_delay(target.delay)
            .build();
        let exporter = Reporting::new(exporter, waiting.clone());
        let mut processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", name.to_string()),
                KeyValue::new("service.version", version.to_string()),
            ])
            .with_detectors(&[Box::new(TelemetryResourceDetector)])
            .with_attributes(target.attributes.into_iter().map(|(name, value)| KeyValue::new(name, value)))
            .build();
        processor.set_resource(&resource);
        let scope = InstrumentationScope::builder("chariot-engine").with_version(env!("CARGO_PKG_VERSION")).build();
        let Target { sampler, queue, .. } = target;
        Ok(Some(Traces(Arc::new(Inner {
            processor,
            sampler,
            ids: RandomIdGenerator::default(),
            scope,
            waiting,
            queue,
        }))))
    }

    /// Begins the span of a request below that of its caller. Returns its context, and the span itself if it is recorded.
    pub(crate) fn begin(
        &self,
        parent: Option<&TraceContext>,
        facts: impl FnOnce() -> SpanFacts,
    ) -> (TraceContext, Option<Arc<RequestSpan>>) {
        let span = self.new_id();
        let context = match parent {
            None => {
                let trace = self.0.ids.new_trace_id();
                TraceContext::root(u128::from_be_bytes(trace.to_bytes()), span, self.samples(None, trace))
            }
            Some(parent) => {
                let remote = span_context(parent, true);
                let trace = remote.trace_id();
                parent.child(span, self.samples(Some(&Context::new().with_remote_span_context(remote)), trace))
            }
        };
        let recorded = context.is_sampled().then(|| {
            Arc::new(RequestSpan {
                traces: self.clone(),
                context: context.clone(),
                parent: parent.map(TraceContext::span),
                begin: SystemTime::now(),
                facts: facts(),
                stages: Mutex::default(),
            })
        });
        (context, recorded)
    }

    fn samples(&self, parent: Option<&Context>, trace: TraceId) -> bool {
        let result = self.0.sampler.should_sample(parent, trace, "", &SpanKind::Server, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }

    fn new_id(&self) -> u64 {
        u64::from_be_bytes(self.0.ids.new_span_id().to_bytes())
    }

    /// Sends spans, unless too many wait.
    fn send(&self, spans: Vec<SpanData>) {
        if self.0.waiting.add(spans.len(), self.0.queue) {
            spans.into_iter().for_each(|span| self.0.processor.on_end(span));
        }
    }

    /// Sends what waits, and ends the export. Blocks its thread, at most for this time.
    pub(crate) fn shutdown(&self, limit: Duration) {
        if self.0.processor.shutdown_with_timeout(limit).is_err() {
            self.0.waiting.cut_off();
            tracing::warn!("spans are lost: the collector did not take them within {limit:.1?}");
        }
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").finish_non_exhaustive()
    }
}

/// The span of a request that is recorded, with those of its stages.
#[derive(Debug)]
pub(crate) struct RequestSpan {
    traces: Traces,
    context: TraceContext,
    /// The ID of the caller's span.
    parent: Option<u64>,
    begin: SystemTime,
    facts: SpanFacts,
    stages: Mutex<Vec<StageSpan>>,
}

impl RequestSpan {
    /// Records a stage that has just ended.
    pub(crate) fn record(&self, stage: Stage, took: Duration) {
        self.push(StageSpan::new(stage, took));
    }

    /// Records a call of the model that has just ended, with a number of items, those of other requests included.
    pub(crate) fn record_call<'a>(&self, took: Duration, items: usize, others: impl Iterator<Item = &'a TraceContext>) {
        // Without their states: each link would have a copy of what a caller has sent.
        let links = others.take(MAX_LINKS).map(|context| with_state(context, false, TraceState::NONE)).collect();
        self.push(StageSpan::new(Stage::Infer, took).of_call(items, links));
    }

    fn push(&self, stage: StageSpan) {
        // Nothing panics while the lock is held.
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        if stages.len() < MAX_STAGES {
            stages.push(stage);
        }
    }

    /// Ends the span and sends it.
    pub(crate) fn end(&self, end: &SpanEnd<'_>) {
        let stages = std::mem::take(&mut *self.stages.lock().unwrap_or_else(PoisonError::into_inner));
        let own = span_context(&self.context, false);
        let mut spans = Vec::with_capacity(stages.len() + 1);
        for stage in stages {
            let flags = own.trace_flags();
            let id = SpanId::from_bytes(self.traces.new_id().to_be_bytes());
            let context = SpanContext::new(own.trace_id(), id, flags, false, own.trace_state().clone());
            spans.push(stage.into_data(context, own.span_id(), self.begin, &self.traces.0.scope));
        }
        let parent = self.parent.map(|id| SpanId::from_bytes(id.to_be_bytes()));
        spans.push(span::of_request(&self.facts, end, own, parent, self.begin, &self.traces.0.scope));
        self.traces.send(spans);
    }
}

/// Returns a context in the types of OpenTelemetry.
fn span_context(context: &TraceContext, is_remote: bool) -> SpanContext {
    let state = context.tracestate().and_then(|state| TraceState::from_str(state).ok()).unwrap_or_default();
    with_state(context, is_remote, state)
}

/// Returns a context in the types of OpenTelemetry, with this state instead of its own.
fn with_state(context: &TraceContext, is_remote: bool, state: TraceState) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(context.trace().0.to_be_bytes()),
        SpanId::from_bytes(context.span().to_be_bytes()),
        TraceFlags::new(context.flags()),
        is_remote,
        state,
    )
}
