//! Content codings of requests and responses: their headers, and decompression and compression on the pool. The handler
//! of inference requests calls it.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use tokio::time::Instant;

use super::{
    accept::{IDENTITY, elements, preferred_coding},
    respond::{self, ResponseBody},
};
use crate::{
    error::{Error, ErrorKind, Expected, Rejection},
    protocol::{Coding, CodingError, Meter},
    runtime::{AdmissionPermit, ChargedResponse, Failure, Host, Work, pass_turn},
    telemetry::metrics::Rejected,
};

/// The size in bytes below which compressing a response gains nothing.
const SMALLEST: usize = 1024;

/// An unsupported coding of a body, or several codings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unsupported;

/// Returns the coding of a request body, or `None` if it has no coding.
pub(super) fn request_coding(headers: &HeaderMap) -> Result<Option<Coding>, Unsupported> {
    // Most requests have no coding.
    if !headers.contains_key(header::CONTENT_ENCODING) {
        return Ok(None);
    }
    let is_identity = |token: &Option<&str>| token.is_some_and(|token| token.eq_ignore_ascii_case(IDENTITY));
    let mut codings = elements(headers, header::CONTENT_ENCODING).filter(|token| !is_identity(token));
    match (codings.next(), codings.next()) {
        (None, _) => Ok(None),
        (Some(token), None) => token.and_then(Coding::parse).map(Some).ok_or(Unsupported),
        (Some(_), Some(_)) => Err(Unsupported),
    }
}

/// Returns a 415 response that lists the supported codings.
pub(super) fn unsupported() -> Response<ResponseBody> {
    let supported: Vec<&str> = Coding::ALL.iter().map(|coding| coding.token()).chain([IDENTITY]).collect();
    let supported = supported.join(", ");
    let fault = Expected::new(format!("one of {supported}"), "another coding or several");
    let mut response = respond::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, &format!("Content-Encoding: {fault}"));
    // Always succeeds: the names are valid header values.
    if let Ok(supported) = HeaderValue::try_from(supported) {
        response.headers_mut().insert(header::ACCEPT_ENCODING, supported);
    }
    response
}

/// Decompresses a request body to at most `limit` bytes, which are charged to the request in place of the body's.
pub(super) async fn decompress(
    host: &Host,
    permit: &AdmissionPermit,
    coding: Coding,
    body: Bytes,
    limit: u64,
    id: Option<&str>,
) -> Result<Result<Bytes, CodingError>, Failure> {
    let charged = permit.token();
    let work = Work { source: charged.source(), bytes: body.len(), trace: charged.trace_id() };
    let deadline = permit.deadline();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let decompressed = host
        .compute(id, deadline, work, move |token| {
            let meter = Meter::new(&*charged);
            let goes_on = || {
                pass_turn();
                !token.is_gone() && !token.is_expired()
            };
            let decompressed = coding.decompress_while(&body, limit, &goes_on, &meter);
            let bytes = match decompressed {
                Err(CodingError::Cancelled) if meter.has_refused() => return Err(meter.refused(CodingError::Cancelled)),
                Err(CodingError::Cancelled) if token.is_expired() => return Err(Error::timed_out()),
                Err(fault) => return Ok(Err(fault)),
                Ok(bytes) => bytes,
            };
            meter.settle(0, bytes.capacity())?;
            meter.finish(0)?;
            let received = body.len();
            drop(body);
            charged.discharge(received);
            Ok(Ok(Bytes::from(bytes)))
        })
        .await?;
    decompressed.map_err(|error| {
        match error.kind() {
            ErrorKind::TooLarge => host.metrics().rejected(Rejected::TooLarge),
            ErrorKind::Unavailable => host.metrics().rejected(Rejected::Memory),
            _ => {}
        }
        Failure { id: id.map(Into::into).unwrap_or_default(), error }
    })
}

/// Returns the response for a body that failed to decompress. Exceeding the compression ratio is a 413, like exceeding the
/// size: the stream is valid, and the same body without the coding may be served.
pub(super) fn fault(coding: Coding, fault: &CodingError) -> Response<ResponseBody> {
    let status = match fault {
        CodingError::TooLarge { .. } | CodingError::Ratio => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    };
    let fault = Rejection::new(fault.to_string()).at(format_args!("Content-Encoding {}", coding.token()));
    respond::error(status, fault.text())
}

/// Compresses a response in the coding that the caller prefers, if it is large enough. `work` is that of its request.
pub(super) async fn compress(
    host: &Host,
    headers: &HeaderMap,
    mut charged: ChargedResponse,
    id: Option<&str>,
    deadline: Option<Instant>,
    work: Work,
) -> Result<Response<ResponseBody>, Failure> {
    let mut used = None;
    if let Some(coding) = preferred_coding(headers)
        && charged.len() >= SMALLEST
    {
        let work = Work { bytes: charged.len(), ..work };
        (charged, used) = host
            .compute(id, deadline, work, move |_| {
                // The compressed body is smaller, and is not made if there is no memory for both, and for one of the frames.
                let copies = if charged.frames.is_empty() { 1 } else { 2 };
                if charged.charge.add(copies * charged.len() as u64).is_err() {
                    return (charged, None);
                }
                charged.flatten();
                let compressed = coding.compress(&charged.response.body);
                let used = compressed.is_some().then_some(coding);
                if let Some(mut compressed) = compressed {
                    compressed.shrink_to_fit();
                    charged.response.body = compressed;
                }
                charged.charge.settle(charged.response.body.capacity() as u64);
                (charged, used)
            })
            .await?;
    }
    let mut response = respond::inference(charged);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(coding) = used {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.token()));
    }
    Ok(response)
}

#[cfg(all(test, not(feature = "compression")))]
#[test]
fn without_the_feature_no_coding_is_supported() {
    let of =
        |coding| request_coding(&HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(coding))]));
    assert_eq!((of("identity"), of("gzip")), (Ok(None), Err(Unsupported)));
    assert_eq!(unsupported().headers()[header::ACCEPT_ENCODING], "identity");
}

#[cfg(all(test, feature = "compression"))]
mod tests {
    use http::HeaderName;

    use super::*;

    fn headers(name: HeaderName, lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn a_body_has_at_most_one_coding() {
        let of = |lines: &[&'static str]| request_coding(&headers(header::CONTENT_ENCODING, lines));
        for none in [&[][..], &["identity"], &[" Identity , "], &["identity", "identity"], &[""]] {
            assert_eq!(of(none), Ok(None), "{none:?}");
        }
        for (lines, coding) in [
            (&["gzip"][..], Coding::Gzip),
            (&["x-gzip"], Coding::Gzip),
            (&[" GZip "], Coding::Gzip),
            (&["X-GZIP, identity"], Coding::Gzip),
            (&["deflate"], Coding::Deflate),
            (&["identity", "zstd"], Coding::Zstd),
        ] {
            assert_eq!(of(lines), Ok(Some(coding)), "{lines:?}");
        }
        for other in [&["br"][..], &["gzip, gzip"], &["gzip", "zstd"], &["*"], &["gzip;q=1"], &["gzip deflate"]] {
            assert_eq!(of(other), Err(Unsupported), "{other:?}");
        }
        let garbled = HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_bytes(b"gz\xffip").unwrap())]);
        assert_eq!(request_coding(&garbled), Err(Unsupported));
    }
}
