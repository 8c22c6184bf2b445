//! The handler of the routes of OpenAI's API: lists the models, and has them answer. The body of a request names its model, so a
//! request is admitted by one model and, once its body is read, served by the one that it names.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, request::Parts};
use http_body::Body;
use tokio::time::Instant;

#[cfg(feature = "page")]
use super::page_state::PageState;
use super::{
    body::UnreadBody,
    caller::Caller,
    coding,
    events::Events,
    infer::{self, HeadFault},
    report::Report,
    request_end::{self, Facts},
    request_log::{self, is_error, is_logged},
    respond::{self, ResponseBody},
    route::Routes,
    trace::RequestTrace,
};
use crate::{
    error::{Error, Expected, Rejection, quoted},
    inflight::{PaceLimit, RequestToken},
    openai::{self, CompletionEvents, CompletionForm, EmbeddingsForm, Task},
    protocol::{EventForm, ResponseForm, TraceId, TranslatedRequest, routes::OpenAiEndpoint},
    runtime::{AdmissionError, AdmissionPermit, Models, OneModel, RequestPayload, Work},
    settings::RequestLog,
    telemetry::Traces,
};

/// The largest body that is read on the thread that received it: it takes microseconds.
const SMALL: usize = 16 << 10;

/// The engine, as far as the routes know it.
#[derive(Clone, Copy)]
pub(super) struct Served<'a> {
    pub(super) models: &'a Models,
    pub(super) routes: &'a Routes,
    /// The time of the start, in seconds since 1970.
    pub(super) started: u64,
    /// The requests that have a line in the log.
    pub(super) log: RequestLog,
    /// The export of spans, if there is one.
    pub(super) traces: Option<&'a Traces>,
    /// The state that the page shows, to which errors are added; `None` without a page.
    #[cfg(feature = "page")]
    pub(super) page: Option<&'a Arc<PageState>>,
}

/// Serves a request to one of the routes.
pub(super) async fn respond<B>(
    served: Served<'_>,
    endpoint: OpenAiEndpoint,
    head: &Parts,
    body: &mut UnreadBody<B>,
    request_id: Option<&HeaderValue>,
    caller: Caller,
) -> Response<ResponseBody>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let without_inference = |response| {
        #[cfg(feature = "page")]
        if let Some(page) = served.page
            && is_error(&response)
        {
            page.errors.note_refused(&head.method, head.uri.path(), &response);
        }
        if is_error(&response) && is_logged(served.log, true) {
            request_log::write_refused(served.log, &head.method, head.uri.path(), &response, caller.peer);
        }
        response
    };
    let task = match endpoint {
        OpenAiEndpoint::Models => {
            let names = served.models.iter().filter(|model| serves_any(model)).map(|model| model.host.name());
            return respond::value(StatusCode::OK, &openai::models(names, served.started));
        }
        OpenAiEndpoint::Model => return without_inference(model(served, head.uri.path())),
        OpenAiEndpoint::Completions => Task::Completions,
        OpenAiEndpoint::ChatCompletions => Task::Chat,
        OpenAiEndpoint::Embeddings => Task::Embeddings,
    };
    let able = || (0..served.models.len()).filter(|index| serves(served, *index, task));
    // One that is ready, if there is one: it receives the body, and the body may name another.
    let is_ready = |index: &usize| served.models.get(*index).host.status().not_ready_reason().is_none();
    let Some(receiver) = able().find(is_ready).or_else(|| able().next()) else {
        body.linger(&head.headers);
        let text = format!("no model of this engine serves {}; see GET /v1/models", task.path());
        return without_inference(respond::error(StatusCode::BAD_REQUEST, &text));
    };
    let arrived = Instant::now();
    let exchange = Exchange { served, task, head, request_id, arrived, caller };
    let mut report = Report::new(RequestTrace::begin(served.traces, head, || route_of(task), caller));
    let (index, response) = match exchange.receive(receiver, body, &mut report).await {
        Ok(received) => exchange.answer(received, &mut report).await,
        Err(response) => (receiver, response),
    };
    let model = &served.models.get(index).host;
    let facts = Facts {
        log: served.log,
        model,
        request_id,
        route: task.path(),
        peer: caller.peer,
        arrived,
        #[cfg(feature = "page")]
        page: served.page,
    };
    request_end::end(facts, report, response)
}

/// Returns the path of the route of a task.
fn route_of(task: Task) -> &'static str {
    match task {
        Task::Completions => "/v1/completions",
        Task::Chat => "/v1/chat/completions",
        Task::Embeddings => "/v1/embeddings",
    }
}

fn serves(served: Served<'_>, model: usize, task: Task) -> bool {
    task.is_served_by(served.models.get(model).host.spec())
}

fn serves_any(model: &OneModel) -> bool {
    Task::ALL.iter().any(|task| task.is_served_by(model.host.spec()))
}

/// Returns the model that a path names.
fn model(served: Served<'_>, path: &str) -> Response<ResponseBody> {
    let name = path.split('/').rfind(|segment| !segment.is_empty()).unwrap_or_default();
    match served.routes.named(name).map(|index| served.models.get(index)).filter(|model| serves_any(model)) {
        Some(model) => respond::value(StatusCode::OK, &openai::model(model.host.name(), served.started)),
        None => not_found(served, name),
    }
}

fn not_found(served: Served<'_>, name: &str) -> Response<ResponseBody> {
    let text = format!("model {} not found; available models: {}", quoted(name), served.models.names());
    respond::error(StatusCode::NOT_FOUND, &text)
}

/// A request on its way.
struct Exchange<'a> {
    served: Served<'a>,
    task: Task,
    head: &'a Parts,
    request_id: Option<&'a HeaderValue>,
    arrived: Instant,
    caller: Caller,
}

/// A request whose body is there, and the model that has received it.
struct Received {
    model: usize,
    permit: AdmissionPermit,
    bytes: Bytes,
    id: String,
}

/// A request that has been read, and the model that it names.
struct Read {
    model: usize,
    permit: AdmissionPermit,
    request: openai::Request,
    body: Bytes,
    /// The memory of its inputs, which the permit holds.
    memory: usize,
}

impl Exchange<'_> {
    /// Receives a body for a model.
    ///
    /// # Errors
    /// Returns the response to a request that is not admitted, or whose body does not arrive.
    async fn receive<B>(
        &self,
        index: usize,
        body: &mut UnreadBody<B>,
        report: &mut Report,
    ) -> Result<Received, Response<ResponseBody>>
    where
        B: Body + Send + 'static,
        B::Data: Send,
    {
        let model = self.served.models.get(index);
        let admitted = infer::admit(model, self.head, body.declared(), None, self.arrived, self.caller.source);
        let admitted = admitted.map_err(|fault| {
            body.linger(&self.head.headers);
            fault.response(model)
        })?;
        report.admitted(admitted.arriving.token());
        report.wants_times = admitted.wants_times;
        let received = infer::receive(model, &admitted, self.arrived, body).await;
        let mut bytes = received.map_err(|fault| infer::body_fault(model, &fault))?;
        report.bytes = Some(bytes.len());
        let permit =
            model.host.enter(admitted.arriving).map_err(|error| HeadFault::Admission(error).response(model))?;
        let given = self.request_id.and_then(|id| id.to_str().ok()).map(str::to_owned);
        let id = given.unwrap_or_else(|| model.host.fresh_id().to_string());
        if let Some(coding) = admitted.coding {
            let limit = model.settings.max_body.as_u64();
            let decompressed = coding::decompress(&model.host, &permit, coding, bytes, limit, Some(&id)).await;
            bytes = decompressed
                .map_err(|failure| infer::failed(model, &failure))?
                .map_err(|fault| coding::fault(coding, &fault))?;
        }
        Ok(Received { model: index, permit, bytes, id })
    }

    /// Has the model that a body names answer. Returns that model, too.
    async fn answer(&self, received: Received, report: &mut Report) -> (usize, Response<ResponseBody>) {
        let (receiver, id) = (received.model, received.id.clone());
        match self.read(received).await {
            Ok(read) => {
                // Another model can have admitted it in the meantime.
                report.admitted(read.permit.token());
                report.streams = read.request.answer.stream;
                (read.model, self.run(read, id, report.trace.id()).await)
            }
            Err(response) => (receiver, response),
        }
    }

    /// Reads a body, and has the model that it names admit it.
    ///
    /// # Errors
    /// Returns the response to a request that is malformed, or that its model does not admit.
    async fn read(&self, received: Received) -> Result<Read, Response<ResponseBody>> {
        let Received { model: receiver, permit, bytes, id } = received;
        let model = self.served.models.get(receiver);
        let (task, token, body) = (self.task, permit.token(), bytes.clone());
        let read = move || read_body(task, &body, &token);
        let read = if bytes.len() <= SMALL {
            read()
        } else {
            let work = Work { source: self.caller.source, bytes: bytes.len(), trace: permit.token().trace_id() };
            let computed = model.host.compute(Some(&id), permit.deadline(), work, move |_| read()).await;
            computed.map_err(|failure| infer::failed(model, &failure))?
        };
        let trace = permit.token().trace_id();
        let failed = |error| infer::failed(model, &model.host.unread(&id.as_str().into(), trace, error));
        let (request, memory) = read.map_err(failed)?;
        let named = match &request.model {
            Some(name) => self.served.routes.named(name).ok_or_else(|| not_found(self.served, name))?,
            None => self.only_model().map_err(|fault| failed(fault.into()))?,
        };
        if !serves(self.served, named, task) {
            let text = format!("model '{}' does not serve {}", self.served.models.get(named).host.name(), task.path());
            return Err(failed(Error::rejected(text)));
        }
        request.check(self.served.models.get(named).host.spec()).map_err(|fault| failed(fault.into()))?;
        let permit = if named == receiver {
            permit
        } else {
            let again = self.readmit(named, bytes.len() + memory);
            again.map_err(|fault| fault.response(self.served.models.get(named)))?
        };
        Ok(Read { model: named, permit, request, body: bytes, memory })
    }

    /// Returns the only model that serves the task.
    ///
    /// # Errors
    /// Rejects a request that does not name one of several models.
    fn only_model(&self) -> Result<usize, Rejection> {
        let mut able = (0..self.served.models.len()).filter(|index| serves(self.served, *index, self.task));
        match (able.next(), able.next()) {
            (Some(only), None) => Ok(only),
            _ => {
                let what = format!("one of the models {}", self.served.models.names());
                Err(Rejection::new(Expected::new(what, "nothing")).at("model"))
            }
        }
    }

    /// Admits a request whose body another model has received and that holds this much memory.
    ///
    /// # Errors
    /// Returns the reason why the request is not admitted.
    fn readmit(&self, index: usize, memory: usize) -> Result<AdmissionPermit, HeadFault> {
        let model = self.served.models.get(index);
        // The head is as it was when the other model admitted it.
        let admitted = infer::admit(model, self.head, memory as u64, None, self.arrived, self.caller.source);
        let arriving = admitted?.arriving;
        arriving.charge(memory).map_err(|limit| HeadFault::Admission(AdmissionError::OverLimit(limit)))?;
        model.host.enter(arriving).map_err(HeadFault::Admission)
    }

    /// Runs a request.
    async fn run(&self, read: Read, id: String, trace: Option<TraceId>) -> Response<ResponseBody> {
        let Read { model, permit, request, body, memory } = read;
        let model = self.served.models.get(model);
        let answer = request.answer;
        let (form, events): (Arc<dyn ResponseForm>, Option<Box<dyn EventForm>>) = match answer.task {
            Task::Embeddings => (EmbeddingsForm::new(model.host.name(), answer), None),
            Task::Completions | Task::Chat => {
                let form = CompletionForm::new(model.host.name(), now(), answer);
                let events =
                    answer.stream.then(|| Box::new(CompletionEvents::new(form.clone(), &id)) as Box<dyn EventForm>);
                (form, events)
            }
        };
        let payload = TranslatedRequest { request: request.inputs, body, memory, form };
        let payload = RequestPayload::Translated(Box::new(payload));
        let (arrived, host) = (self.arrived, model.host.clone());
        let Some(events) = events else {
            let deadline = permit.deadline();
            let response = match host.infer(permit, payload, Some(id.clone()), arrived, None).await {
                Ok(response) if model.settings.compress_responses => {
                    let headers = &self.head.headers;
                    let work = Work { source: self.caller.source, bytes: 0, trace };
                    coding::compress(&model.host, headers, response, Some(&id), deadline, work).await
                }
                result => result.map(respond::inference),
            };
            return response.unwrap_or_else(|failure| infer::failed(model, &failure));
        };
        if let Some(deadline) = arrived.checked_add(model.settings.stream_timeout) {
            permit.token().set_body_deadline(deadline);
        }
        let (charge, end) = (permit.part_charge(), permit.token().deadline());
        let work = |parts| async move { host.infer(permit, payload, Some(id), arrived, Some(parts)).await };
        let pace = PaceLimit::awaited(model.settings.write_timeout, model.settings.min_rate.as_u64());
        let started = Events::start(pace, charge, end, Some(events), work).await;
        started.map_or_else(|failure| infer::failed(model, &failure), respond::events)
    }
}

/// Reads a body, and charges the memory of its inputs, which it returns too.
fn read_body(task: Task, body: &Bytes, token: &RequestToken) -> Result<(openai::Request, usize), Error> {
    let request = openai::Request::read(task, body)?;
    let memory = request.inputs.memory();
    token.charge(memory)?;
    Ok((request, memory))
}

/// Returns the seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
