//! The response with the page to try the engine in. The handler returns it to browsers.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use super::{
    accept::{elements, preferred_coding},
    respond::ResponseBody,
};
use crate::page::Page;

/// The only coding of the page.
const GZIP: &str = "gzip";

const REFERRER_POLICY: HeaderName = HeaderName::from_static("referrer-policy");

/// Returns the page, or a 304 if the caller has it. `None` if it cannot be made.
///
/// It is made on the blocking pool when it is first requested: it is compressed then.
pub(super) async fn respond(headers: &HeaderMap) -> Option<Response<ResponseBody>> {
    let page = match Page::made() {
        Some(page) => page,
        None => tokio::task::spawn_blocking(Page::get).await.ok()?,
    };
    let compressed =
        page.gzip.as_ref().filter(|_| preferred_coding(headers).is_some_and(|coding| coding.token() == GZIP));
    let mut response = Response::new(ResponseBody::default());
    let (tag, body) = match compressed {
        Some(gzip) => (&page.gzip_tag, gzip),
        None => (&page.tag, &page.html),
    };
    let has_it = elements(headers, header::IF_NONE_MATCH).flatten().any(|known| known == tag || known == "*");
    if has_it {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        *response.body_mut() = body.clone().into();
    }
    let fields = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, &page.policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (header::ETAG, tag),
    ];
    for (name, value) in fields {
        response.headers_mut().insert(name, HeaderValue::from_str(value).ok()?);
    }
    if compressed.is_some() {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(GZIP));
    }
    Some(response)
}
