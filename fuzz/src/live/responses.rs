//! Reads the responses of HTTP/1 from what a client has received. Every byte that a server sends must be a part of one.

use std::borrow::Cow;

/// A response.
#[derive(Debug)]
pub(crate) struct Response<'a> {
    pub(crate) status: u16,
    pub(crate) body: Cow<'a, [u8]>,
}

/// The result of reading a response.
#[derive(Debug)]
pub(crate) enum Parsed<'a> {
    /// A response and its length in bytes.
    Whole(Response<'a>, usize),
    /// A response that goes on.
    Partial,
    /// Bytes that are no response.
    Bad(String),
}

/// Returns the name of a status, for outcomes.
pub(crate) fn name(status: u16) -> String {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("unknown").into()
}

/// Reads the response at the start of the bytes, without those before it that ask for the body. A response without a length
/// ends with the connection.
pub(crate) fn response(bytes: &[u8], has_ended: bool) -> Parsed<'_> {
    let mut skipped = 0;
    loop {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Response::new(&mut fields);
        let length = match head.parse(&bytes[skipped..]) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Parsed::Partial,
            Err(error) => return Parsed::Bad(error.to_string()),
        };
        let status = head.code.unwrap_or_default();
        let start = skipped + length;
        if status < 200 {
            skipped = start;
            continue;
        }
        let field = |name: &str| {
            head.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
        };
        let whole = |body, length| Parsed::Whole(Response { status, body }, length);
        if field("transfer-encoding").is_some() {
            return match chunked(&bytes[start..]) {
                Ok(Some((body, length))) => whole(Cow::Owned(body), start + length),
                Ok(None) => Parsed::Partial,
                Err(text) => Parsed::Bad(text),
            };
        }
        let Some(length) = field("content-length") else {
            return match status {
                204 | 304 => whole(Cow::Borrowed(&[]), start),
                _ if has_ended => whole(Cow::Borrowed(&bytes[start..]), bytes.len()),
                _ => Parsed::Partial,
            };
        };
        let Some(length) = std::str::from_utf8(length).ok().and_then(|text| text.parse::<usize>().ok()) else {
            return Parsed::Bad("a length that is no number".into());
        };
        return match bytes.get(start..start + length) {
            Some(body) => whole(Cow::Borrowed(body), start + length),
            None => Parsed::Partial,
        };
    }
}

/// Reads a body in chunks. Returns it with the length of its chunks, or `None` if it goes on.
fn chunked(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, String> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let (start, size) = match httparse::parse_chunk_size(&bytes[at..]) {
            Ok(httparse::Status::Complete((length, size))) => {
                (at + length, usize::try_from(size).unwrap_or(usize::MAX))
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(format!("a chunk without a size: {:?}", bytes.get(at..at + 8))),
        };
        let Some(end) = start.checked_add(size) else { return Err("a chunk without an end".into()) };
        let (Some(chunk), Some(line)) = (bytes.get(start..end), bytes.get(end..end + 2)) else { return Ok(None) };
        if line != b"\r\n" {
            return Err("a chunk that is longer than its size".into());
        }
        body.extend_from_slice(chunk);
        at = end + 2;
        if size == 0 {
            return Ok(Some((body, at)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_read_one_after_another() {
        let text = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
            02\r\nab\r\n1\r\nc\r\n0\r\n\r\nHTTP/1.1 404 Not Found\r\ncontent-length: 1\r\n\r\nx";
        let Parsed::Whole(first, length) = response(text, false) else { panic!("a whole response") };
        assert_eq!((first.status, &*first.body), (200, &b"abc"[..]));
        let Parsed::Whole(second, rest) = response(&text[length..], false) else { panic!("a whole response") };
        assert_eq!((second.status, &*second.body, length + rest), (404, &b"x"[..], text.len()));
        assert!(matches!(response(&text[..length - 1], false), Parsed::Partial));
        assert!(matches!(response(b"", false), Parsed::Partial));
        assert!(matches!(response(b"garbage", false), Parsed::Bad(_)));
    }
}
