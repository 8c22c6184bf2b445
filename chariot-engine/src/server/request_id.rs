//! The validation of request IDs, which responses and the log repeat.

use http::HeaderValue;

/// The length of the longest ID that a response repeats.
const MAX_LENGTH: usize = 128;

/// Returns `true` if a header value is safe to repeat as an ID: printable ASCII without spaces, of limited length.
pub(super) fn is_request_id(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    !id.is_empty() && id.len() <= MAX_LENGTH && id.iter().all(u8::is_ascii_graphic)
}
