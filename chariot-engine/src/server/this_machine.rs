//! Names of this machine: which pages a server of this machine can have sent, and which requests reach it by a name that another
//! site can point at it. `cors` and `dev` ask.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, Uri, header, uri::Authority};

/// Returns `true` if an origin is a server of this machine: its host is `localhost` or a loopback address.
pub(super) fn is_origin(origin: &HeaderValue) -> bool {
    let Some(authority) = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest) else {
        return false;
    };
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host();
    host == "localhost" || address(host).is_some_and(|address| address.is_loopback())
}

/// Returns the host that a request asks for, if it is a name that a site can point at this machine: any but `localhost`. A
/// browser then takes the engine for a part of that site, whose pages may read everything (DNS rebinding). An address cannot
/// be pointed elsewhere.
#[cfg(all(feature = "dev", unix))]
pub(super) fn foreign_name(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let authority = authority(uri, headers)?;
    let host = authority.host();
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let is_own = name == "localhost" || name.ends_with(".localhost") || address(host).is_some();
    (!is_own).then(|| host.to_string())
}

/// Returns the host and the port that a request asks for.
pub(super) fn authority(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let of_headers = || Authority::try_from(headers.get(header::HOST)?.as_bytes()).ok();
    uri.authority().cloned().or_else(of_headers)
}

fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_this_machine_are_told_by_their_host() {
        for (origin, is) in [
            ("http://localhost:5173", true),
            ("https://localhost", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("null", false),
            ("https://example.org", false),
            ("http://localhost.example.org", false),
            ("http://127.0.0.1.example.org", false),
            ("http://localhost@example.org", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_origin(&HeaderValue::from_static(origin)), is, "{origin}");
        }
    }

    #[cfg(all(feature = "dev", unix))]
    #[test]
    fn a_name_that_a_site_can_point_here_is_foreign() {
        for (host, is_foreign) in [
            ("localhost", false),
            ("LOCALHOST:8080", false),
            ("localhost.:8080", false),
            ("engine.localhost:8080", false),
            ("127.0.0.1:8080", false),
            ("10.0.0.1", false),
            ("[::1]:8080", false),
            ("example.org:8080", true),
            ("localhost.example.org", true),
            ("127.0.0.1.example.org:8080", true),
            ("notlocalhost", true),
        ] {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
            let foreign = foreign_name(&Uri::from_static("/dev"), &headers);
            assert_eq!(foreign.is_some(), is_foreign, "{host}");
        }
        // HTTP/2 has it in the target, and HTTP/1.0 can have none.
        let target = Uri::from_static("http://example.org:8080/dev");
        assert_eq!(foreign_name(&target, &HeaderMap::new()).as_deref(), Some("example.org"));
        assert_eq!(foreign_name(&Uri::from_static("/dev"), &HeaderMap::new()), None);
    }
}
