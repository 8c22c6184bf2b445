//! [`Asked`]: a request that does nothing wrong, and the check of its answer. Programs send it whole, in pieces, pipelined
//! and multiplexed.

use std::fmt::Write;

use super::{
    engine::Kind,
    tags::{Tag, has},
};

/// A request for an inference.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) tag: Tag,
    /// The response is a stream of server-sent events.
    pub(crate) streams: bool,
    /// The connection closes after the response.
    pub(crate) closes: bool,
    /// The body is sent in chunks.
    is_chunked: bool,
    /// The client expects to be asked for the body.
    expects: bool,
    path: &'static str,
    body: String,
}

impl Asked {
    /// Makes a request with variations: `c`hunks, server-sent `v`ents, a `w`ait for `100 Continue`, the path of the `m`odel,
    /// `z` to close the connection; and words that the model obeys, as `k8`.
    pub(crate) fn new(kind: Kind, tag: Tag, variations: &[u8]) -> Self {
        let has = |letter: u8| variations.contains(&letter);
        let words: String = variations
            .split(|byte| *byte == b' ')
            .filter(|word| matches!(word, [b'k' | b's' | b'e', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)))
            // Many large responses take a client with a small buffer too long.
            .filter(|word| tag.is_early() || word[0] != b'k')
            .filter_map(|word| std::str::from_utf8(word).ok())
            .fold(String::new(), |words, word| words + " " + word);
        let body = match kind {
            Kind::Tensors => {
                format!(r#"{{"inputs":[{{"name":"x","datatype":"BYTES","shape":[1],"data":["{tag}"]}}]}}"#)
            }
            _ => format!(r#"{{"inputs":[{{"name":"x","data":["{tag}{words}"]}}]}}"#),
        };
        Asked {
            tag,
            streams: has(b'v') && kind != Kind::Tensors,
            closes: has(b'z'),
            is_chunked: has(b'c'),
            expects: has(b'w'),
            path: if has(b'm') { "/v2/models/live/infer" } else { "/infer" },
            body,
        }
    }

    /// Returns the body in JSON.
    pub(crate) fn body(&self) -> &str {
        &self.body
    }

    pub(crate) fn path(&self) -> &'static str {
        self.path
    }

    /// Returns the head in HTTP/1.
    pub(crate) fn head(&self) -> String {
        let mut head = format!("POST {} HTTP/1.1\r\nhost: live\r\ncontent-type: application/json\r\n", self.path);
        for (is_there, field) in [
            (self.streams, "accept: text/event-stream\r\n"),
            (self.closes, "connection: close\r\n"),
            (self.expects, "expect: 100-continue\r\n"),
            (self.is_chunked, "transfer-encoding: chunked\r\n"),
        ] {
            head.push_str(if is_there { field } else { "" });
        }
        if !self.is_chunked {
            let _ = write!(head, "content-length: {}\r\n", self.body.len());
        }
        head + "\r\n"
    }

    /// Returns the body as HTTP/1 sends it.
    pub(crate) fn framed(&self) -> Vec<u8> {
        if !self.is_chunked {
            return self.body.clone().into_bytes();
        }
        let mut framed = Vec::new();
        for chunk in self.body.as_bytes().chunks(23) {
            framed.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            framed.extend_from_slice(chunk);
            framed.extend_from_slice(b"\r\n");
        }
        framed.extend_from_slice(b"0\r\n\r\n");
        framed
    }

    /// Checks the body of a response with status 200.
    ///
    /// # Panics
    /// Panics if it answers another request, or this one only in part.
    pub(crate) fn check(&self, body: &[u8]) {
        let shown = String::from_utf8_lossy(&body[..body.len().min(300)]);
        assert!(has(body, self.tag), "expected the answer to {}, got {shown:?}", self.tag);
        let end: &[u8] = if self.streams { b"]}]}\n\n" } else { b"]}]}" };
        assert!(body.ends_with(end), "expected a whole answer of {} bytes, got {shown:?}", body.len());
    }
}
