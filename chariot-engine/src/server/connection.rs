//! [`ConnectionState`], what is known of one connection. Its stream and its service write it; the registry and the task of
//! the connection read it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    task::Context,
};

use futures_util::task::AtomicWaker;

use super::delivery::Unsent;
use crate::inflight::{Charge, Source};

/// A clock that counts ticks. Reading it costs one load, where the clock of the system costs a call.
#[derive(Debug)]
pub(super) struct Clock(AtomicU64);

impl Clock {
    /// Creates a clock at 1, because 0 stands for no time.
    pub(super) fn new() -> Self {
        Clock(AtomicU64::new(1))
    }

    /// Adds a tick and returns the time.
    pub(super) fn tick(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// An order to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Order {
    /// Serve requests.
    Serve = 0,
    /// Close unless a request has arrived.
    Close = 1,
    /// Close for another connection, unless a request has arrived. The client gets no time for an answer.
    MakeRoom = 2,
    /// Close after the requests in flight.
    Drain = 3,
    /// Close at once.
    Cut = 4,
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct ConnectionState {
    source: Source,
    clock: Arc<Clock>,
    /// The number of parts of requests and responses that are being received, worked on or sent.
    open: AtomicUsize,
    /// The time of the end of the last request, or of the start of the connection.
    idle_since: AtomicU64,
    /// The time of the first byte of a head that is not complete; 0 if there is none.
    head_since: AtomicU64,
    has_served: AtomicBool,
    /// A request body is being received, in HTTP/1.
    receiving: AtomicBool,
    /// A request was given up before all of it was received.
    unread: AtomicBool,
    /// A byte of the current response has been sent.
    responding: AtomicBool,
    /// The body of the current response is sent in chunks and has not ended.
    chunked: AtomicBool,
    /// The responses that hyper has and may not have sent, in HTTP/2.
    unsent: Unsent,
    /// The connection is one beyond the limit.
    reserved: AtomicBool,
    is_http2: AtomicBool,
    order: AtomicU8,
    task: AtomicWaker,
    /// The memory for what has been received and is not a request yet.
    read_charge: Charge,
    /// The memory for the requests of HTTP/2.
    request_charge: Charge,
}

impl ConnectionState {
    pub(super) fn new(clock: Arc<Clock>, read_charge: Charge, request_charge: Charge) -> Self {
        let now = clock.now();
        ConnectionState {
            source: Source::default(),
            clock,
            open: AtomicUsize::new(0),
            idle_since: AtomicU64::new(now),
            head_since: AtomicU64::new(0),
            has_served: AtomicBool::new(false),
            receiving: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            responding: AtomicBool::new(false),
            chunked: AtomicBool::new(false),
            unsent: Unsent::default(),
            reserved: AtomicBool::new(false),
            order: AtomicU8::new(Order::Serve as u8),
            task: AtomicWaker::new(),
            is_http2: AtomicBool::new(false),
            read_charge,
            request_charge,
        }
    }

    pub(super) fn source(&self) -> Source {
        self.source
    }

    pub(super) fn unsent(&self) -> &Unsent {
        &self.unsent
    }

    /// Wakes the task of the connection if responses may not be sent, so that it finds those that nobody takes.
    pub(super) fn look_at_unsent(&self) {
        if !self.unsent.is_empty() {
            self.task.wake();
        }
    }

    /// Returns the charge for what has been received and is not a request yet.
    pub(super) fn read_charge(&self) -> &Charge {
        &self.read_charge
    }

    /// Returns the charge for the requests of HTTP/2.
    pub(super) fn request_charge(&self) -> &Charge {
        &self.request_charge
    }

    /// Records a request whose head is complete. It is in flight until all clones of what is returned are dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.head_since.store(0, Ordering::Relaxed);
        self.responding.store(false, Ordering::Relaxed);
        self.unread.store(false, Ordering::Relaxed);
        self.has_served.store(true, Ordering::Relaxed);
        self.hold()
    }

    /// Keeps the connection from being closed as an idle one until what is returned is dropped.
    pub(super) fn hold(self: &Arc<Self>) -> InFlight {
        self.open.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }

    /// Records that bytes of a head have arrived.
    pub(super) fn begin_head(&self) {
        if self.is_idle() && !self.is_in_head() {
            self.head_since.store(self.clock.now(), Ordering::Relaxed);
        }
    }

    /// Records that what has arrived is not the beginning of a request.
    pub(super) fn end_head(&self) {
        self.head_since.store(0, Ordering::Relaxed);
    }

    /// Returns `true` if a part of a head has arrived, and not yet all of it.
    pub(super) fn is_in_head(&self) -> bool {
        self.head_since() != 0
    }

    /// Returns the time of the first byte of an incomplete head, or 0.
    pub(super) fn head_since(&self) -> u64 {
        self.head_since.load(Ordering::Relaxed)
    }

    /// Returns `true` if no request is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }

    pub(super) fn idle_since(&self) -> u64 {
        self.idle_since.load(Ordering::Relaxed)
    }

    /// Returns `true` if a request has ever arrived.
    pub(super) fn has_served(&self) -> bool {
        self.has_served.load(Ordering::Relaxed)
    }

    pub(super) fn set_receiving(&self, receiving: bool) {
        self.receiving.store(receiving, Ordering::Relaxed);
    }

    /// Returns `true` if a request has been received as a whole and its response has not ended.
    pub(super) fn is_awaiting_response(&self) -> bool {
        !self.is_idle() && !self.receiving.load(Ordering::Relaxed)
    }

    /// Returns `true` if the response has ended and the rest of its request is received, only to be discarded.
    pub(super) fn is_discarding(&self) -> bool {
        // Whatever else is in flight of a request in HTTP/1 ends with its response.
        self.open.load(Ordering::Acquire) == 1 && self.receiving.load(Ordering::Relaxed)
    }

    /// Records that a request is given up before all of it was received.
    pub(super) fn set_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// Records that a byte of the response has been sent.
    pub(super) fn set_responding(&self) {
        self.responding.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_responding(&self) -> bool {
        self.responding.load(Ordering::Relaxed)
    }

    pub(super) fn set_chunked(&self, chunked: bool) {
        self.chunked.store(chunked, Ordering::Relaxed);
    }

    pub(super) fn is_chunked(&self) -> bool {
        self.chunked.load(Ordering::Relaxed)
    }

    pub(super) fn set_reserved(&self, reserved: bool) {
        self.reserved.store(reserved, Ordering::Relaxed);
    }

    /// Returns `true` if the connection is one beyond the limit.
    pub(super) fn is_reserved(&self) -> bool {
        self.reserved.load(Ordering::Relaxed)
    }

    pub(super) fn set_http2(&self) {
        self.is_http2.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_http2(&self) -> bool {
        self.is_http2.load(Ordering::Relaxed)
    }

    /// Gives an order and wakes the task of the connection. An order to drain is final, and only one to cut follows it.
    pub(super) fn command(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::Release);
        self.task.wake();
    }

    /// Withdraws an order to close, because a request has arrived.
    pub(super) fn withdraw_close(&self) {
        let serve = |order| (order < Order::Drain as u8).then_some(Order::Serve as u8);
        let _ = self.order.fetch_update(Ordering::AcqRel, Ordering::Relaxed, serve);
    }

    /// Returns the current order. The task of `cx` is woken by a later one.
    pub(super) fn poll_order(&self, cx: &Context<'_>) -> Order {
        self.task.register(cx.waker());
        match self.order.load(Ordering::Acquire) {
            0 => Order::Serve,
            1 => Order::Close,
            2 => Order::MakeRoom,
            3 => Order::Drain,
            _ => Order::Cut,
        }
    }

    /// Returns `true` if the connection has been told to close at once.
    pub(super) fn is_cut(&self) -> bool {
        self.order.load(Ordering::Relaxed) == Order::Cut as u8
    }

    /// Returns `true` if the connection has not been told to close.
    pub(super) fn is_kept(&self) -> bool {
        self.order.load(Ordering::Relaxed) == Order::Serve as u8
    }
}

/// A part of a request or of its response that is in flight.
#[derive(Debug)]
pub(super) struct InFlight(Arc<ConnectionState>);

impl InFlight {
    pub(super) fn state(&self) -> &ConnectionState {
        &self.0
    }
}

impl Clone for InFlight {
    fn clone(&self) -> Self {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        InFlight(self.0.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // The time first: whoever sees that nothing is in flight must not see the time of an earlier request.
        self.0.idle_since.store(self.0.clock.now(), Ordering::Relaxed);
        self.0.open.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_discarded_once_only_its_body_is_in_flight() {
        let state = Arc::new(ConnectionState::new(Arc::new(Clock::new()), Charge::default(), Charge::default()));
        let response = state.begin();
        let body = response.clone();
        state.set_receiving(true);
        assert!(!state.is_discarding());
        drop(response);
        assert!(state.is_discarding());
        state.set_receiving(false);
        drop(body);
        assert!(!state.is_discarding() && state.is_idle());
    }

    #[test]
    fn every_order_but_the_last_is_withdrawn() {
        let state = ConnectionState::new(Arc::new(Clock::new()), Charge::default(), Charge::default());
        for order in [Order::Close, Order::MakeRoom] {
            state.command(order);
            assert!(!state.is_kept());
            state.withdraw_close();
            assert!(state.is_kept());
        }
        state.command(Order::Drain);
        state.withdraw_close();
        assert!(!state.is_kept());
    }
}
