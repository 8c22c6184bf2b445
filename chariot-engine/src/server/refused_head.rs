//! [`RefusedHead`], the response to a head that hyper cannot read. The stream of a connection sends it.
//!
//! hyper answers such a head itself, before any service is called, with a status and no body. This puts the error envelope
//! into that response.

use http::StatusCode;
use serde_json::json;

use super::body::size;

/// The limits of a head.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadLimits {
    /// The largest head in bytes.
    pub(super) bytes: u64,
    /// The largest number of header fields in HTTP/1.
    pub(super) fields: usize,
}

/// The header of hyper's responses that is replaced.
const NO_BODY: &[u8] = b"content-length: 0\r\n";

/// The message for a head for which there is no memory.
const NO_MEMORY: &str = "the memory for the heads of requests is exhausted";

/// The longest URI that hyper reads.
const LONGEST_URI: usize = u16::MAX as usize - 1;

impl HeadLimits {
    /// Returns the message for a head that exceeds the limits.
    pub(super) fn exceeded(&self) -> String {
        format!("request head exceeds the limit of {}, or of {} header fields in HTTP/1", size(self.bytes), self.fields)
    }
}

/// A response that is being sent in place of hyper's.
pub(super) struct RefusedHead {
    bytes: Vec<u8>,
    sent: usize,
}

impl RefusedHead {
    /// Makes the response from hyper's, or returns `None` if that is not a refusal without a body.
    pub(super) fn new(response: &[u8], limits: HeadLimits) -> Option<Self> {
        let status = response.strip_prefix(b"HTTP/1.")?.get(2..5).and_then(|code| StatusCode::from_bytes(code).ok())?;
        let message = match status {
            StatusCode::BAD_REQUEST => "malformed request head".to_string(),
            StatusCode::URI_TOO_LONG => format!("request URI exceeds the limit of {LONGEST_URI} bytes"),
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => limits.exceeded(),
            _ => return None,
        };
        Self::with(&message, b"", response)
    }

    /// Makes the response to a head for which there is no memory from hyper's response, or returns `None` if that is not a
    /// refusal without a body.
    pub(super) fn for_no_memory(response: &[u8]) -> Option<Self> {
        let line = response.windows(2).position(|end| end == b"\r\n")?;
        Self::with(NO_MEMORY, b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1", &response[line..])
    }

    /// Puts the error envelope into a response, after this beginning.
    fn with(message: &str, beginning: &[u8], response: &[u8]) -> Option<Self> {
        let at = response.windows(NO_BODY.len()).position(|line| line == NO_BODY)?;
        let body = json!({ "error": message }).to_string();
        let headers = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        let rest = &response[at + NO_BODY.len()..];
        let bytes = [beginning, &response[..at], headers.as_bytes(), rest, body.as_bytes()].concat();
        Some(RefusedHead { bytes, sent: 0 })
    }

    /// Returns what has not been sent.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Records that some of the rest has been sent.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { bytes: 64 << 10, fields: 100 };

    #[test]
    fn the_envelope_is_put_into_a_response_without_a_body() {
        let refused = |status: &str| {
            let response =
                format!("HTTP/1.1 {status}\r\nconnection: close\r\n{}date: x\r\n\r\n", "content-length: 0\r\n");
            let refused = RefusedHead::new(response.as_bytes(), LIMITS)?;
            Some(String::from_utf8(refused.rest().to_vec()).unwrap().replace('\r', ""))
        };
        let statuses = ["400 Bad Request", "414 URI Too Long", "431 Request Header Fields Too Large"];
        let responses = statuses.map(|status| refused(status).unwrap());
        insta::assert_snapshot!("refused_heads", responses.join("\n\n"));
        let full = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
        let full = RefusedHead::for_no_memory(full.as_bytes()).unwrap();
        insta::assert_snapshot!("no_memory_for_head", String::from_utf8_lossy(full.rest()).replace('\r', ""));
        assert_eq!(refused("200 OK"), None);
        assert!(RefusedHead::new(b"HTTP/1.1 400 Bad Request\r\n\r\n", LIMITS).is_none());
    }
}
