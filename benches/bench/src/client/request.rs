//! A request, prepared once and sent many times.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::Failure;

/// The version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// A request in the forms of both versions of HTTP.
#[derive(Clone)]
pub(crate) struct Request {
    /// Head and body as HTTP/1.1 sends them.
    pub(super) text: Bytes,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    /// The body alone.
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn post(path: &str, headers: &[(&str, String)], body: Bytes) -> Result<Self, Failure> {
        Self::new(Method::POST, path, headers, body)
    }

    pub(crate) fn get(path: &str) -> Result<Self, Failure> {
        Self::new(Method::GET, path, &[], Bytes::new())
    }

    fn new(method: Method, path: &str, headers: &[(&str, String)], body: Bytes) -> Result<Self, Failure> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
        let mut fields = HeaderMap::new();
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
            fields.insert(HeaderName::try_from(*name)?, HeaderValue::try_from(value)?);
        }
        if method == Method::POST {
            head += &format!("content-length: {}\r\n", body.len());
        }
        head += "\r\n";
        let text = [head.as_bytes(), &body].concat().into();
        Ok(Request { text, method, uri: format!("http://localhost{path}").parse()?, headers: fields, body })
    }
}
