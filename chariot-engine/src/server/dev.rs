//! The responses that only an engine of a development loop has: the status of the loop, which the page reads, and the refusal of
//! requests that reach the engine by the name of another site. The handler asks first.

use http::{Method, Response, StatusCode, header, request::Parts};

#[cfg(feature = "page")]
use super::route::Route;
use super::{
    respond::{self, ResponseBody},
    route::Routes,
    this_machine,
};
use crate::{dev::LoopStatus, error::quoted, protocol::routes::Methods};

/// The last segment of the path, beside the page.
const PATH: &str = "dev";

/// Returns the response to a request for the status, as the loop has sent it. Refuses those for the status or the state of the
/// page from other sites, whoever may read the other responses: they show paths, lines of the sources and the texts of callers.
/// `None` for any other request.
pub(super) fn answer(routes: &Routes, status: &LoopStatus, head: &Parts) -> Option<Response<ResponseBody>> {
    let path = head.uri.path();
    let is_status = routes.is_beside_home(path, PATH);
    #[cfg(feature = "page")]
    let is_for_page = is_status || routes.find(path) == Ok(Route::PageState);
    #[cfg(not(feature = "page"))]
    let is_for_page = is_status;
    if !is_for_page {
        return None;
    }
    if let Some(host) = this_machine::foreign_name(&head.uri, &head.headers) {
        let text = format!("expected the host 'localhost' or an IP address, got {}", quoted(&host));
        return Some(respond::error(StatusCode::FORBIDDEN, &text));
    }
    is_status.then(|| respond(status, head))
}

fn respond(status: &LoopStatus, head: &Parts) -> Response<ResponseBody> {
    if head.headers.get(header::ORIGIN).is_some_and(|origin| !this_machine::is_origin(origin)) {
        let text = "expected a request of a page of this machine, got one of a page of another origin";
        return respond::error(StatusCode::FORBIDDEN, text);
    }
    match head.method {
        Method::GET | Method::HEAD => respond::json(StatusCode::OK, status.borrow().clone()),
        Method::OPTIONS => respond::options(Methods::Get.allow()),
        _ => respond::method_not_allowed(Methods::Get),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;
    use tokio::sync::watch;

    use super::*;

    /// Returns the status of the response to a GET with a host and maybe an origin.
    fn asked(routes: &Routes, path: &str, host: &str, origin: Option<&str>) -> Option<u16> {
        let (_sender, status) = watch::channel(Bytes::from_static(b"{}"));
        let request = Request::get(path).header(header::HOST, host);
        let request = origin.into_iter().fold(request, |request, origin| request.header(header::ORIGIN, origin));
        let (head, ()) = request.body(()).unwrap().into_parts();
        answer(routes, &status, &head).map(|response| response.status().as_u16())
    }

    #[test]
    fn the_status_is_for_pages_and_tools_of_this_machine() {
        let routes = Routes::new("/base", Vec::new(), None, None).unwrap();
        for path in ["/dev", "/base/dev"] {
            assert_eq!(asked(&routes, path, "127.0.0.1:8080", None), Some(200), "{path}");
            assert_eq!(asked(&routes, path, "localhost:8080", Some("http://localhost:5173")), Some(200), "{path}");
            for origin in ["https://example.org", "null"] {
                assert_eq!(asked(&routes, path, "127.0.0.1:8080", Some(origin)), Some(403), "{path} {origin}");
            }
            // The name of a site that now has the address of this machine.
            assert_eq!(asked(&routes, path, "example.org:8080", None), Some(403), "{path}");
        }
        assert_eq!(asked(&routes, "/infer", "example.org:8080", None), None);
    }

    #[cfg(feature = "page")]
    #[test]
    fn the_state_of_the_page_is_not_for_other_sites() {
        let routes = Routes::new("", Vec::new(), None, None).unwrap().with_page();
        assert_eq!(asked(&routes, "/page/state.json", "localhost:8080", None), None);
        assert_eq!(asked(&routes, "/page/state.json", "example.org:8080", None), Some(403));
    }
}
