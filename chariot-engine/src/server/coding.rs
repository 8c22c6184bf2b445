//! Content codings in the heads of requests and responses, and the work of them on the pool. The handler of inference
//! calls it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use tokio::time::Instant;

use super::respond::{self, ResponseBody};
use crate::{
    error::Rejection,
    protocol::{Coding, CodingError, EncodedResponse},
    runtime::{Failure, Host},
};

/// Responses below this size are sent as they are: there is nothing to be gained.
const SMALLEST: usize = 1024;

const IDENTITY: &str = "identity";

/// A body comes in a coding that is not supported, or in several.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unsupported;

/// The coding of a request's body; `None` if it has none.
pub(super) fn of_request(headers: &HeaderMap) -> Result<Option<Coding>, Unsupported> {
    // Few have one.
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

/// 415, and the codings that are supported.
pub(super) fn unsupported() -> Response<ResponseBody> {
    let supported: Vec<&str> = Coding::ALL.iter().map(|coding| coding.token()).chain([IDENTITY]).collect();
    let supported = supported.join(", ");
    let text = format!("Content-Encoding: one of {supported} is expected, another or several came");
    let mut response = respond::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, &text);
    // The names are tokens of this crate.
    if let Ok(supported) = HeaderValue::try_from(supported) {
        response.headers_mut().insert(header::ACCEPT_ENCODING, supported);
    }
    response
}

/// Decompresses a request's body, of which at most `limit` bytes come out.
pub(super) async fn decompress(
    host: &Host,
    coding: Coding,
    body: Bytes,
    limit: u64,
    id: Option<&str>,
    deadline: Option<Instant>,
) -> Result<Result<Bytes, CodingError>, Failure> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let decompressed = host
        .compute(id, deadline, move |token| {
            coding.decompress_while(&body, limit, &|| !token.is_gone() && !token.is_expired())
        })
        .await?;
    Ok(decompressed.map(Bytes::from))
}

/// What the caller is told of a body that was not decompressed. More than is allowed is a 413 also where it is the ratio
/// that does not allow it: the stream is right, and sent without the coding it may be served.
pub(super) fn fault(coding: Coding, fault: &CodingError) -> Response<ResponseBody> {
    let status = match fault {
        CodingError::TooLarge { .. } | CodingError::Ratio => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    };
    let fault = Rejection::new(fault.to_string()).at(format_args!("Content-Encoding {}", coding.token()));
    respond::error(status, fault.text())
}

/// Compresses an answer as its caller asks for it, if that is worth it.
pub(super) async fn compress(
    host: &Host,
    headers: &HeaderMap,
    mut response: EncodedResponse,
    id: Option<&str>,
    deadline: Option<Instant>,
) -> Result<Response<ResponseBody>, Failure> {
    let mut used = None;
    if let Some(coding) = accepted(headers)
        && response.body.len() >= SMALLEST
    {
        (response, used) = host
            .compute(id, deadline, move |_| match coding.compress(&response.body) {
                Some(compressed) => {
                    response.body = compressed;
                    (response, Some(coding))
                }
                None => (response, None),
            })
            .await?;
    }
    let mut response = respond::inference(response);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(coding) = used {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.token()));
    }
    Ok(response)
}

/// The coding that a caller wants best of those that can be made; `None` for no coding.
fn accepted(headers: &HeaderMap) -> Option<Coding> {
    let wishes: Vec<(&str, u16)> =
        elements(headers, header::ACCEPT_ENCODING).filter_map(|element| wish(element?)).collect();
    let named = |is: &dyn Fn(&str) -> bool| wishes.iter().find(|(token, _)| is(token)).map(|(_, quality)| *quality);
    let any = named(&|token| token == "*");
    // Without a word no coding is accepted, but nothing is asked for that would be worse.
    let plain = named(&|token| token.eq_ignore_ascii_case(IDENTITY)).unwrap_or(0);
    let mut best = None;
    for coding in Coding::ALL.iter().copied().filter(|coding| coding.compresses()) {
        let quality = named(&|token| Coding::parse(token) == Some(coding)).or(any).unwrap_or(0);
        if quality > best.map_or(0, |(_, of_best)| of_best) && quality >= plain {
            best = Some((coding, quality));
        }
    }
    best.map(|(coding, _)| coding)
}

/// A coding and how much it is wanted, in thousandths: `gzip;q=0.5`. `None`: it is not written as it must be.
fn wish(element: &str) -> Option<(&str, u16)> {
    let Some((token, parameter)) = element.split_once(';') else {
        return Some((element, 1000));
    };
    let (name, quality) = parameter.split_once('=')?;
    let quality: f32 = quality.trim().parse().ok().filter(|quality| (0.0..=1.0).contains(quality))?;
    name.trim().eq_ignore_ascii_case("q").then_some((token.trim(), (quality * 1000.0) as u16))
}

/// The elements of a header that is a list, which may stand in several lines. `None`: no text.
fn elements(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Option<&str>> {
    let lines = headers.get_all(name).into_iter().flat_map(|line| match line.to_str() {
        Ok(line) => line.split(',').map(Some).collect(),
        Err(_) => vec![None],
    });
    lines.map(|element| element.map(str::trim)).filter(|element| *element != Some(""))
}

#[cfg(all(test, not(feature = "compression")))]
#[test]
fn without_the_feature_no_coding_is_supported() {
    let of = |coding| of_request(&HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(coding))]));
    assert_eq!((of("identity"), of("gzip")), (Ok(None), Err(Unsupported)));
    assert_eq!(unsupported().headers()[header::ACCEPT_ENCODING], "identity");
}

#[cfg(all(test, feature = "compression"))]
mod tests {
    use super::*;

    fn headers(name: HeaderName, lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn a_body_has_one_coding_or_none() {
        let of = |lines: &[&'static str]| of_request(&headers(header::CONTENT_ENCODING, lines));
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
        assert_eq!(of_request(&garbled), Err(Unsupported));
    }

    #[test]
    fn the_coding_of_an_answer_is_the_one_that_is_wanted_most() {
        let of = |lines: &[&'static str]| accepted(&headers(header::ACCEPT_ENCODING, lines));
        for (lines, coding) in [
            (&["gzip"][..], Coding::Gzip),
            (&["deflate, gzip, br, zstd"], Coding::Gzip),
            (&["deflate"], Coding::Deflate),
            (&["X-GZIP"], Coding::Gzip),
            (&["*"], Coding::Gzip),
            (&["gzip;q=0.5, deflate;q=0.8"], Coding::Deflate),
            (&["gzip ; Q=0.5", "deflate;q=0.499"], Coding::Gzip),
            (&["gzip;q=0, *"], Coding::Deflate),
            (&["gzip;q=1, identity;q=1"], Coding::Gzip),
            (&["identity;q=0, gzip;q=0.001"], Coding::Gzip),
            (&["gzip;q=loud, deflate"], Coding::Deflate),
        ] {
            assert_eq!(of(lines), Some(coding), "{lines:?}");
        }
        for none in [
            &[][..],
            &[""],
            &["identity"],
            &["br, zstd"],
            &["gzip;q=0"],
            &["*;q=0"],
            &["gzip;q=0, deflate;q=0.0, *"],
            &["identity, gzip;q=0.5"],
            &["gzip;q=2"],
            &["gzip;level=1"],
        ] {
            assert_eq!(of(none), None, "{none:?}");
        }
    }
}
