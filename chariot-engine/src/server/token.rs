//! [`BearerToken`], the token that requests need if the operator sets one. The handler asks it before it reads a body.

use constant_time_eq::constant_time_eq;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::{
    respond::{self, ResponseBody},
    route::{Route, RouteError},
};
use crate::{
    protocol::routes::{ModelEndpoint, ServerEndpoint},
    settings::Secret,
};

/// The token of `CHARIOT_ENGINE_TOKEN`.
#[derive(Clone, Debug)]
pub(crate) struct BearerToken(Secret);

/// The reason why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Missing,
    Repeated,
    OtherScheme,
    Wrong,
}

impl BearerToken {
    pub(crate) fn new(token: Secret) -> Self {
        BearerToken(token)
    }

    /// Returns the 401 response to a request for this route without the token, or `None` if it may be served.
    pub(super) fn refuse(
        &self,
        route: &Result<Route, RouteError>,
        headers: &HeaderMap,
    ) -> Option<Response<ResponseBody>> {
        if is_open(route) {
            return None;
        }
        let fault = self.check(headers).err()?;
        let mut response = respond::error(StatusCode::UNAUTHORIZED, fault.text());
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        Some(response)
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), Fault> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next().ok_or(Fault::Missing)?.as_bytes();
        if values.next().is_some() {
            return Err(Fault::Repeated);
        }
        let (scheme, token) = value.split_at(value.iter().position(|byte| *byte == b' ').unwrap_or(value.len()));
        if !scheme.eq_ignore_ascii_case(b"Bearer") {
            return Err(Fault::OtherScheme);
        }
        let token = token.trim_ascii();
        // The comparison takes the same time for every token of this length, so that its duration reveals nothing.
        let is_same = !token.is_empty() && constant_time_eq(token, self.0.expose().as_bytes());
        if is_same { Ok(()) } else { Err(Fault::Wrong) }
    }
}

impl Fault {
    fn text(self) -> &'static str {
        match self {
            Fault::Missing => "expected the header 'Authorization: Bearer <token>', got none",
            Fault::Repeated => "expected one header 'Authorization', got several",
            Fault::OtherScheme => "expected the header 'Authorization: Bearer <token>', got another scheme",
            Fault::Wrong => "expected the token of this engine in the header 'Authorization', got another one",
        }
    }
}

/// Returns `true` if a route needs no token: health checks, and the root, which load balancers probe by default.
fn is_open(route: &Result<Route, RouteError>) -> bool {
    matches!(
        route,
        Ok(Route::Server(
            ServerEndpoint::Root | ServerEndpoint::Ready | ServerEndpoint::Live | ServerEndpoint::ServerReady
        ) | Route::Model(_, ModelEndpoint::Ready))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str]) -> Result<(), Fault> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        BearerToken::new(Secret::new("sesame".into())).check(&headers)
    }

    #[test]
    fn the_scheme_ignores_case_and_the_token_does_not() {
        for value in ["Bearer sesame", "bearer sesame", "BEARER   sesame"] {
            assert_eq!(check(&[value]), Ok(()), "{value}");
        }
        assert_eq!(check(&[]), Err(Fault::Missing));
        for value in ["sesame", "Basic c2VzYW1l", "Bearersesame", "Token sesame"] {
            assert_eq!(check(&[value]), Err(Fault::OtherScheme), "{value}");
        }
        for value in ["Bearer Sesame", "Bearer sesam", "Bearer sesame sesame", "Bearer sesamee", "Bearer x", "Bearer"] {
            assert_eq!(check(&[value]), Err(Fault::Wrong), "{value}");
        }
        assert_eq!(check(&["Bearer sesame", "Bearer sesame"]), Err(Fault::Repeated));
    }

    #[test]
    fn an_empty_token_lets_nobody_in() {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("Bearer "))]);
        assert_eq!(BearerToken::new(Secret::new(String::new())).check(&headers), Err(Fault::Wrong));
    }
}
