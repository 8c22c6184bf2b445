//! The response with the status of the development loop that has started the engine. The handler returns it to the page.

use http::{Method, Response, StatusCode, request::Parts};

use super::respond::{self, ResponseBody};
use crate::{dev::LoopStatus, protocol::routes::Methods};

/// The last segment of the path, beside the page.
pub(super) const PATH: &str = "dev";

/// Returns the status, as the loop has sent it.
pub(super) fn respond(status: &LoopStatus, head: &Parts) -> Response<ResponseBody> {
    match head.method {
        Method::GET | Method::HEAD => respond::json(StatusCode::OK, status.borrow().clone()),
        Method::OPTIONS => respond::options(Methods::Get.allow()),
        _ => respond::method_not_allowed(Methods::Get),
    }
}
