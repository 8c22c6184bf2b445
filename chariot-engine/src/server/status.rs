//! The statuses of errors. The handlers, the events and calls within the process use them.

use http::StatusCode;

use crate::error::ErrorKind;

/// Returns the status of a request that fails with an error of this kind.
pub(crate) fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Rejected => StatusCode::BAD_REQUEST,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Unavailable | ErrorKind::Cancelled => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
