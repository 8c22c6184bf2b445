//! [`Cors`]: which pages of other origins may read responses in a browser. The handler answers preflights with it, and every
//! response of a connection passes through it.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, request::Parts};

use super::{
    respond::{self, ResponseBody},
    this_machine,
};

/// The origins that may read responses.
#[derive(Clone, Debug)]
pub(crate) struct Cors {
    origins: Origins,
    /// The methods that a preflight allows.
    methods: &'static str,
}

#[derive(Clone, Debug)]
enum Origins {
    Any,
    /// Pages that this machine serves itself, on any port.
    OfThisMachine,
    These(Vec<String>),
}

/// The response headers that a page may read, beside those that the standard lets it read.
const EXPOSED: &str = "X-Request-ID, Retry-After, Server-Timing, Inference-Header-Content-Length, Allow";

/// The seconds for which a browser may remember a preflight; Chromium caps it at this.
const MAX_AGE: &str = "7200";

/// The length of the longest list of headers that a preflight repeats.
const MAX_HEADERS: usize = 4096;

/// The decision about the response to a request.
#[derive(Debug)]
pub(super) struct Verdict {
    /// The value of `Access-Control-Allow-Origin`; `None` if the origin of the page may not read the response.
    allowed: Option<HeaderValue>,
    /// The response depends on the origin.
    varies: bool,
}

impl Cors {
    /// Creates the rules for these origins, of which `*` means any. `None` if there are none. The routes of another service
    /// beside the engine can have more methods.
    pub(crate) fn new(origins: &[String], has_fallback: bool) -> Option<Cors> {
        if origins.is_empty() {
            return None;
        }
        let origins =
            if origins.iter().any(|origin| origin == "*") { Origins::Any } else { Origins::These(origins.to_vec()) };
        Some(Cors { origins, methods: methods(has_fallback) })
    }

    /// Creates the rules for pages that this machine serves itself, which a developer works on beside the engine. Other
    /// sites that a developer visits may not read responses.
    pub(crate) fn of_this_machine(has_fallback: bool) -> Cors {
        Cors { origins: Origins::OfThisMachine, methods: methods(has_fallback) }
    }

    /// Judges a request by its headers.
    pub(super) fn judge(&self, headers: &HeaderMap) -> Verdict {
        let origin = headers.get(header::ORIGIN);
        match &self.origins {
            Origins::Any => Verdict { allowed: origin.map(|_| HeaderValue::from_static("*")), varies: false },
            Origins::OfThisMachine => {
                Verdict { allowed: origin.filter(|origin| this_machine::is_origin(origin)).cloned(), varies: true }
            }
            Origins::These(origins) => {
                let is_listed =
                    |origin: &&HeaderValue| origins.iter().any(|listed| listed.as_bytes() == origin.as_bytes());
                Verdict { allowed: origin.filter(is_listed).cloned(), varies: true }
            }
        }
    }

    /// Returns the response to a preflight: the question of a browser whether a page may send a request. `None` if this is
    /// none. The origin of the page gets the other headers with [`Verdict::apply`].
    pub(super) fn preflight(&self, head: &Parts) -> Option<Response<ResponseBody>> {
        let is_preflight = head.method == Method::OPTIONS
            && head.headers.contains_key(header::ORIGIN)
            && head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight {
            return None;
        }
        let mut response = respond::options(self.methods);
        if self.judge(&head.headers).allowed.is_some() {
            let headers = response.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(self.methods));
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
            let asked = head.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
            if let Some(asked) = asked.filter(|asked| is_list_of_names(asked)) {
                headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
            }
        }
        Some(response)
    }
}

impl Verdict {
    /// Adds the headers by which a browser decides whether a page may read the response. Those of another service stay.
    pub(super) fn apply(self, mut response: Response<ResponseBody>) -> Response<ResponseBody> {
        let is_preflight = response.status() == StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        if self.varies {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(allowed) = self.allowed
            && !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
        {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            if !is_preflight {
                headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
            }
        }
        response
    }
}

/// Returns the methods that a preflight allows.
fn methods(has_fallback: bool) -> &'static str {
    if has_fallback { "GET, HEAD, POST, PUT, PATCH, DELETE" } else { "GET, HEAD, POST" }
}

/// Returns `true` if the value is a list of header names, which is safe to repeat.
fn is_list_of_names(value: &HeaderValue) -> bool {
    let is_name = |name: &[u8]| HeaderName::from_bytes(name.trim_ascii()).is_ok();
    value.len() <= MAX_HEADERS && value.as_bytes().split(|&byte| byte == b',').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lists_of_names_are_repeated() {
        for (value, is_list) in [
            ("content-type", true),
            ("authorization, content-type,x-request-id", true),
            ("", false),
            ("a b", false),
            ("a,,b", false),
            ("a, b\u{7f}", false),
        ] {
            let value = HeaderValue::from_bytes(value.as_bytes());
            assert_eq!(value.is_ok_and(|value| is_list_of_names(&value)), is_list);
        }
        assert!(!is_list_of_names(&HeaderValue::try_from("x".repeat(MAX_HEADERS + 1)).unwrap()));
    }

    #[test]
    fn other_sites_may_not_read_what_is_for_this_machine() {
        for (origin, is) in [("http://localhost:5173", true), ("https://example.org", false)] {
            let verdict = Cors::of_this_machine(false)
                .judge(&HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))]));
            assert_eq!(verdict.allowed.is_some(), is, "{origin}");
        }
    }

    #[test]
    fn no_origin_is_no_rule() {
        assert!(Cors::new(&[], true).is_none());
    }
}
