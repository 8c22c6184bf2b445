//! [`ConnectionService`], the service of one connection: refuses requests by their heads, and keeps the state of the
//! connection. The task of a connection hands it to hyper.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{Method, Request, Response, Version, header};
use http_body::{Body, Frame, SizeHint};
use hyper::{body::Incoming, service::Service};

use super::{
    body,
    caller::Caller,
    connection::{ConnectionState, InFlight, Order},
    connection_memory::{ConnectionMemory, RequestMemory},
    delivery::{self, Delivery},
    head,
    refused_head::HeadLimits,
    reserve::Place,
    respond::{self, ResponseBody},
    service::{EngineService, ResponseFuture},
};
use crate::error::BoxError;

/// The message for a request with a body on a connection beyond the limit, and the seconds after which to retry it.
const NO_PLACE: &str = "every connection has a request; beyond their limit only GET and HEAD are served";
const RETRY_AFTER: u64 = 1;

/// An engine as the service of one connection.
#[derive(Clone, Debug)]
pub(super) struct ConnectionService {
    pub(super) engine: EngineService,
    pub(super) state: Arc<ConnectionState>,
    /// The other end of the connection.
    pub(super) peer: Option<SocketAddr>,
    pub(super) limits: HeadLimits,
    pub(super) memory: Arc<ConnectionMemory>,
    /// `None` if the connection has no limit.
    pub(super) place: Option<Arc<Place>>,
}

impl ConnectionService {
    /// Returns `true` if a request on a connection beyond the limit is refused. One that needs more than a moment moves the
    /// connection within the limit, if there is room.
    fn has_no_place<B>(&self, request: &Request<B>) -> bool {
        let is_short = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        !is_short && self.place.as_ref().is_some_and(|place| !place.move_within(&self.state))
    }
}

impl Service<Request<Incoming>> for ConnectionService {
    type Response = Response<CountedResponse>;
    type Error = Infallible;
    type Future = CountedFuture;

    fn call(&self, request: Request<Incoming>) -> CountedFuture {
        let in_flight = self.state.begin();
        let version = request.version();
        let is_http2 = version > Version::HTTP_11;
        let memory = if is_http2 { self.memory.add_request(&self.state, head::size(&request)) } else { None };
        if is_http2 && memory.is_none() {
            // A response takes memory itself.
            delivery::reset_stream();
            let future = std::future::pending();
            return CountedFuture { future: Box::pin(future), in_flight: None, memory: None, version, is_last: false };
        }
        let refused = if self.state.is_reserved() && self.has_no_place(&request) {
            Some(respond::unavailable(NO_PLACE, RETRY_AFTER))
        } else {
            head::refuse(&request, self.limits)
        };
        let is_last = self.state.is_reserved();
        if is_last && is_http2 {
            self.state.command(Order::Drain);
        }
        let (head, incoming) = request.into_parts();
        let caller = Caller { source: self.state.source(), peer: self.peer };
        let received = RequestBody::new(incoming, &in_flight, version);
        let future: ResponseFuture = match refused {
            Some(refused) => {
                let refused = self.engine.refuse(&head, refused, caller);
                if is_http2 {
                    body::linger(&head.headers, received);
                } else {
                    // The connection closes after the response and lingers by itself.
                    drop(received);
                }
                Box::pin(std::future::ready(Ok(refused)))
            }
            None => self.engine.serve(head, received, caller),
        };
        CountedFuture { future, in_flight: Some(in_flight), memory, version, is_last }
    }
}

/// The future of a response. Dropping it ends the request.
pub(super) struct CountedFuture {
    future: ResponseFuture,
    in_flight: Option<InFlight>,
    memory: Option<RequestMemory>,
    version: Version,
    /// The connection ends with this response.
    is_last: bool,
}

impl Future for CountedFuture {
    type Output = Result<Response<CountedResponse>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = ready!(self.future.as_mut().poll(cx))?;
        if self.is_last && self.version <= Version::HTTP_11 {
            respond::end_connection(&mut response, self.version);
        }
        let in_flight = self.in_flight.take();
        if self.version == Version::HTTP_11
            && let Some(in_flight) = &in_flight
        {
            // hyper sends a body of unknown length in chunks, unless another service has set its length or an older version.
            let is_chunked = response.body().size_hint().exact().is_none()
                && response.version() == Version::HTTP_11
                && !response.headers().contains_key(header::CONTENT_LENGTH);
            in_flight.state().set_chunked(is_chunked);
        }
        let delivery = (self.version > Version::HTTP_11).then(Delivery::begin);
        let memory = self.memory.take();
        Poll::Ready(Ok(response.map(|body| CountedResponse { body, in_flight, delivery, memory, is_last: None })))
    }
}

/// The body of a request that is in flight until all of it is read.
#[derive(Debug)]
pub(super) struct RequestBody {
    body: Incoming,
    /// `None` once the body has ended, and in HTTP/2.
    in_flight: Option<InFlight>,
}

impl RequestBody {
    fn new(body: Incoming, in_flight: &InFlight, version: Version) -> Self {
        // In HTTP/2 the end of one stream says nothing of the others.
        let is_received = version > Version::HTTP_11 || body.is_end_stream();
        in_flight.state().set_receiving(!is_received);
        RequestBody { body, in_flight: (!is_received).then(|| in_flight.clone()) }
    }

    fn end(&mut self) {
        if let Some(in_flight) = self.in_flight.take() {
            in_flight.state().set_receiving(false);
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.end();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(in_flight) = &self.in_flight {
            // A request that was refused is discarded only once: not by the stream after it was by the body.
            if !in_flight.state().is_discarding() {
                in_flight.state().set_unread();
            }
            self.end();
        }
    }
}

/// The body of a response that is in flight until all of it is written.
#[derive(Debug)]
pub(super) struct CountedResponse {
    body: ResponseBody,
    in_flight: Option<InFlight>,
    /// Counts the bytes in HTTP/2.
    delivery: Option<Arc<Delivery>>,
    /// Released with the last bytes.
    memory: Option<RequestMemory>,
    /// The last frame was the last of the body. Decided once, because bytes are sent meanwhile.
    is_last: Option<bool>,
}

impl CountedResponse {
    fn end(&mut self) -> Option<InFlight> {
        let in_flight = self.in_flight.take();
        if let Some(in_flight) = &in_flight {
            in_flight.state().set_chunked(false);
        }
        in_flight
    }
}

impl Body for CountedResponse {
    type Data = CountedBytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<CountedBytes>, BoxError>>> {
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                self.end();
                return Poll::Ready(Some(Err(error)));
            }
            None => {
                if let Some(delivery) = &self.delivery {
                    ready!(delivery.poll_settled(cx));
                }
                self.end();
                return Poll::Ready(None);
            }
        };
        let delivery = self.delivery.clone();
        if let Some(delivery) = &delivery {
            delivery.queue(frame.data_ref().map_or(0, Bytes::len));
        }
        // In HTTP/2, the end of a body that is not small follows once the rest is sent.
        let is_last = self.body.is_end_stream() && delivery.as_ref().is_none_or(|delivery| delivery.is_small());
        self.is_last = Some(is_last);
        let (in_flight, memory) =
            if is_last { (self.end(), self.memory.take()) } else { (self.in_flight.clone(), None) };
        if let (Some(delivery), Some(in_flight), true) = (&delivery, &in_flight, is_last) {
            in_flight.state().unsent().add(delivery);
        }
        let counted = |bytes| CountedBytes { bytes, _in_flight: in_flight, _memory: memory, delivery };
        Poll::Ready(Some(Ok(frame.map_data(counted))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_last.unwrap_or_else(|| self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes of a response that are in flight until hyper has written them.
#[derive(Debug)]
pub(super) struct CountedBytes {
    bytes: Bytes,
    _in_flight: Option<InFlight>,
    _memory: Option<RequestMemory>,
    delivery: Option<Arc<Delivery>>,
}

impl Buf for CountedBytes {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some(delivery) = &self.delivery {
            delivery.sent(count);
        }
    }
}

impl Drop for CountedBytes {
    fn drop(&mut self) {
        if let Some(delivery) = &self.delivery {
            delivery.sent(self.bytes.len());
        }
    }
}
