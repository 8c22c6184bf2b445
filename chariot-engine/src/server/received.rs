//! [`Received`], what hyper holds of the bytes that one connection has received: the unfinished head, and the buffer around
//! it. The stream of the connection asks it how much to read.
//!
//! hyper doubles its buffer when a read fills it, and gives no memory back before the connection ends. A client that sends
//! nothing but large, unfinished heads would fill the memory, so heads are read in pieces that do not fill a buffer, and all
//! that is more than the first buffer is charged.

use std::sync::Arc;

use super::{connection::ConnectionState, connection_memory::ConnectionMemory, frames::Frames};

/// The first buffer of a connection, which is not charged.
const FIRST_BUFFER: usize = 8 << 10;

/// A read that does not make hyper enlarge its buffer.
const SMALL_READ: usize = FIRST_BUFFER - 1;

/// There is no memory for more of a head.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoMemory;

/// The memory that hyper holds for a connection.
#[derive(Debug)]
pub(super) struct Received {
    state: Arc<ConnectionState>,
    memory: Arc<ConnectionMemory>,
    /// The memory of the decoded fields of an unfinished head in HTTP/2, which can be far larger than what was sent.
    decoded: u64,
    /// The bytes of the unfinished head in HTTP/1.
    head: usize,
    /// The largest buffer so far.
    buffer: usize,
    /// The frames, in HTTP/2.
    frames: Option<Frames>,
    /// The decoded fields of an unfinished head are charged.
    is_decoded_charged: bool,
    /// There was no memory for them.
    is_full: bool,
}

impl Received {
    /// Creates the state of a new connection. The decoded fields of an unfinished head in HTTP/2 count as `decoded` bytes.
    pub(super) fn new(state: Arc<ConnectionState>, memory: Arc<ConnectionMemory>, decoded: u64) -> Self {
        Received { state, memory, decoded, head: 0, buffer: 0, frames: None, is_decoded_charged: false, is_full: false }
    }

    /// Records that the connection is one of HTTP/2.
    pub(super) fn set_http2(&mut self) {
        self.frames = Some(Frames::default());
        self.state.set_http2();
    }

    /// Returns how many bytes to read into a buffer with this much room.
    ///
    /// # Errors
    /// Fails if the bytes belong to a head and there is no memory for it.
    pub(super) fn limit(&mut self, room: usize) -> Result<usize, NoMemory> {
        let is_idle = self.state.is_idle();
        if !is_idle || !self.state.is_in_head() {
            self.head = 0;
        }
        let begun = self.frames.as_ref().map_or(self.head, Frames::partial);
        // What is not filled takes no memory, so only a head that has filled the first buffer counts.
        let buffer = if is_idle && begun < SMALL_READ { 0 } else { room + begun };
        let is_held = self.hold(buffer, is_idle);
        if self.is_full || is_idle && !is_held {
            return Err(NoMemory);
        }
        // hyper reads HTTP/2 frame by frame.
        let is_small = self.frames.is_none() && (is_idle || !is_held);
        Ok(if is_small { room.min(SMALL_READ) } else { room })
    }

    /// Charges a buffer. Returns `false` if there is no memory for it.
    fn hold(&mut self, buffer: usize, is_idle: bool) -> bool {
        if buffer <= FIRST_BUFFER || buffer <= self.buffer {
            return true;
        }
        let (charge, more) = (self.state.read_charge(), as_u64(buffer - self.buffer));
        let is_held = if is_idle { self.memory.add_head(charge, more) } else { self.memory.add_body(charge, more) };
        if is_held {
            self.buffer = buffer;
        }
        is_held
    }

    /// Records bytes that hyper has been given.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let Some(frames) = &mut self.frames else {
            if self.state.is_in_head() {
                self.head += bytes.len();
            }
            return;
        };
        frames.read(bytes);
        if frames.is_in_head() {
            self.state.begin_head();
        } else if self.state.is_in_head() {
            self.state.end_head();
        }
        self.is_full &= frames.has_begun_head();
        if frames.has_begun_head() == self.is_decoded_charged {
            return;
        }
        if self.is_decoded_charged {
            self.state.read_charge().sub(self.decoded);
            self.is_decoded_charged = false;
        } else {
            self.is_decoded_charged = self.memory.add_head(self.state.read_charge(), self.decoded);
            self.is_full = !self.is_decoded_charged;
        }
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        // The state can outlive the connection: bodies that are discarded hold it.
        self.state.read_charge().release();
    }
}

fn as_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::connection::Clock;

    const ROOM: usize = 16 << 10;
    const DECODED: u64 = 8 << 20;

    fn received(memory: &Arc<ConnectionMemory>) -> (Received, Arc<ConnectionState>) {
        let state =
            Arc::new(ConnectionState::new(Arc::new(Clock::new()), memory.read_charge(), memory.request_charge()));
        (Received::new(state.clone(), memory.clone(), DECODED), state)
    }

    #[test]
    fn a_head_is_read_in_small_pieces_and_charged_from_the_second_on() {
        let memory = ConnectionMemory::new();
        let (mut received, state) = received(&memory);
        assert_eq!(received.limit(FIRST_BUFFER), Ok(SMALL_READ));
        state.begin_head();
        received.add(&[b'x'; 100]);
        assert_eq!((received.limit(ROOM), state.read_charge().bytes()), (Ok(SMALL_READ), 0));
        received.add(&[b'x'; SMALL_READ]);
        assert_eq!(received.limit(ROOM), Ok(SMALL_READ));
        assert_eq!(state.read_charge().bytes(), as_u64(ROOM + SMALL_READ + 100));
        // The buffer stays when the head ends, and a body fills it.
        let request = state.begin();
        assert_eq!(received.limit(ROOM), Ok(ROOM));
        drop(request);
        assert_eq!(received.limit(ROOM), Ok(SMALL_READ));
        assert_eq!(state.read_charge().bytes(), as_u64(ROOM + SMALL_READ + 100));
        drop(received);
        assert_eq!(state.read_charge().bytes(), 0);
    }

    #[test]
    fn a_head_without_memory_is_refused_and_a_body_is_read_in_small_pieces() {
        let memory = ConnectionMemory::new();
        let (others, (mut received, state)) = (memory.read_charge(), received(&memory));
        while memory.add_head(&others, 1 << 20) {}
        assert_eq!(received.limit(FIRST_BUFFER), Ok(SMALL_READ));
        state.begin_head();
        received.add(&[b'x'; SMALL_READ]);
        assert_eq!(received.limit(ROOM), Err(NoMemory));
        let request = state.begin();
        assert_eq!(received.limit(ROOM), Ok(SMALL_READ));
        drop((others, request));
        state.begin_head();
        assert_eq!(received.limit(ROOM), Ok(SMALL_READ));
    }

    #[test]
    fn an_unfinished_head_of_http_2_is_charged_until_it_ends() {
        let memory = ConnectionMemory::new();
        let (mut received, state) = received(&memory);
        received.set_http2();
        received.add(b"\0\0\x02\x01\0\0\0\0\x01\x82\x86");
        assert!(state.is_in_head() && state.read_charge().bytes() == DECODED);
        received.add(b"\0\0\0\x09\x04\0\0\0\x01");
        assert!(!state.is_in_head() && state.read_charge().bytes() == 0);
        let others = memory.read_charge();
        while memory.add_head(&others, 1 << 20) {}
        received.add(b"\0\0\x02\x01\0\0\0\0\x03\x82\x86");
        assert_eq!(received.limit(FIRST_BUFFER), Err(NoMemory));
    }
}
