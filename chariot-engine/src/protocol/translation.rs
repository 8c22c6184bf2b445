//! Requests of protocols that are not Chariot's, and the forms of their responses. The server makes them for a request of another protocol;
//! the runtime writes the response with one, and the server its events with the other.

use std::{fmt, sync::Arc};

use bytes::Bytes;

use super::{json_text::JsonText, request::InferRequest};
use crate::error::Result;

/// A form of whole responses.
pub(crate) trait ResponseForm: fmt::Debug + Send + Sync {
    /// Returns the most bytes that the response takes.
    fn bound(&self, id: &str, outputs: &[JsonText]) -> usize;

    /// Writes the response from the outputs of all items, in order. The models have counted this number of `tokens`.
    ///
    /// # Errors
    /// Rejects a request that the outputs do not fit. Fails if an output has another form than its type declares.
    fn encode(&self, id: &str, outputs: &[JsonText], tokens: usize) -> Result<Vec<u8>>;
}

/// A form of server-sent events. It keeps what has been sent.
pub(crate) trait EventForm: Send + Sync {
    /// Writes the events of a part, as an item has emitted it.
    fn part(&mut self, part: &[u8], events: &mut Vec<u8>);

    /// Writes the last events, from the response as a [`ResponseForm`] has written it.
    fn end(&mut self, response: &[u8], events: &mut Vec<u8>);

    /// Writes the last events of a request that has failed, with the status that its response would have had.
    fn failure(&mut self, status: u16, message: &str, events: &mut Vec<u8>);
}

/// A request of another protocol, as the inputs that it stands for.
#[derive(Debug)]
pub(crate) struct TranslatedRequest {
    pub(crate) request: InferRequest,
    /// The body, whose slices the inputs are.
    pub(crate) body: Bytes,
    /// The memory of the inputs, in bytes, which the request's token holds.
    pub(crate) memory: usize,
    pub(crate) form: Arc<dyn ResponseForm>,
}
