//! The checks of a request's head that hyper leaves to a server. The service of a connection calls it; an embedded service
//! trusts the server around it.

use http::{HeaderMap, Request, Response, StatusCode, Version, header};
use http_body::Body;

use super::{
    refused_head::HeadLimits,
    respond::{self, ResponseBody},
};
use crate::error::{Expected, quoted};

/// The only transfer coding that is supported, as servers are required to.
const CHUNKED: &str = "chunked";

/// Returns the response to a request that is refused by its head.
pub(super) fn refuse<B: Body>(request: &Request<B>, limits: HeadLimits) -> Option<Response<ResponseBody>> {
    let (version, headers) = (request.version(), request.headers());
    let (status, message) = if version > Version::HTTP_11 {
        // hyper limits the heads of HTTP/1 itself.
        if size(request) > limits.bytes {
            (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, limits.exceeded())
        } else {
            (StatusCode::BAD_REQUEST, host_fault(version, headers)?)
        }
    } else if let Some(fault) = host_fault(version, headers) {
        (StatusCode::BAD_REQUEST, fault)
    } else {
        // Only a body of chunks has no length.
        if request.body().size_hint().exact().is_some() {
            return None;
        }
        (StatusCode::NOT_IMPLEMENTED, transfer_coding_fault(headers)?)
    };
    let mut response = respond::error(status, &message);
    if version <= Version::HTTP_11 {
        // Where this request ends may be understood differently by a proxy in front.
        respond::end_connection(&mut response, version);
    }
    Some(response)
}

/// Returns the size of a head in HTTP/2: its length as HTTP/1 writes it, with the bytes for each field that RFC 9113 (6.5.2)
/// adds for the memory that it takes. Thousands of fields can be sent in a byte each.
pub(super) fn size<B>(request: &Request<B>) -> u64 {
    const FIELD: usize = 32;
    let line = request.method().as_str().len()
        + request.uri().path_and_query().map_or(0, |path| path.as_str().len())
        + request.uri().authority().map_or(0, |host| "host".len() + host.as_str().len() + FIELD)
        + "  HTTP/1.1\r\n\r\n".len();
    let fields: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD).sum();
    (line + fields) as u64
}

/// Returns the fault of the `Host` headers. HTTP/1.1 requires exactly one, so that every server on the way of a request
/// understands the same one.
fn host_fault(version: Version, headers: &HeaderMap) -> Option<String> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version != Version::HTTP_11 => None,
        (None, _) => Some("missing header 'Host'".into()),
        (Some(_), Some(_)) => {
            Some(format!("header 'Host': {}", Expected::new("one value", format!("{}", 2 + hosts.count()))))
        }
        (Some(host), None) if host.as_bytes().iter().all(|byte| is_host_byte(*byte)) => None,
        (Some(host), None) => {
            let host = quoted(&String::from_utf8_lossy(host.as_bytes())).to_string();
            Some(format!("header 'Host': {}", Expected::new("a host name with an optional port", host)))
        }
    }
}

/// Returns `true` for the bytes that names, addresses and ports consist of.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte)
}

/// Returns the fault of the `Transfer-Encoding` headers. hyper removes `chunked` and takes what is inside as it is.
fn transfer_coding_fault(headers: &HeaderMap) -> Option<String> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let first = codings.next()?;
    let is_chunked = first.as_bytes().trim_ascii().eq_ignore_ascii_case(CHUNKED.as_bytes());
    if is_chunked && codings.next().is_none() {
        return None;
    }
    let all = headers.get_all(header::TRANSFER_ENCODING).iter();
    let all: Vec<_> = all.map(|coding| String::from_utf8_lossy(coding.as_bytes())).collect();
    let expected = Expected::new(format!("'{CHUNKED}' once"), quoted(&all.join(", ")));
    Some(format!("transfer coding not supported: {expected}"))
}
